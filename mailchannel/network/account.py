"""Where a server is, how to reach it safely, and who signs in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mailchannel.kernel.specs import FieldSpec, Kind

ENCRYPTIONS: Final = {"tls": "TLS", "starttls": "STARTTLS", "none": "None"}


@dataclass(frozen=True, slots=True)
class Account:
    """Signs in with `token` (OAuth) where there is one, else with `password`."""

    host: str
    port: int
    encryption: str
    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From the settings of a transport or sender, defaults filled in."""
        return cls(
            host=str(settings["host"]),
            port=int(settings["port"]),
            encryption=settings["encryption"],
            username=settings["username"],
            password=settings["password"],
        )

    @property
    def unspeakable(self) -> tuple[str, ...]:
        """The secret in every form in which it is sent: some servers repeat what they did not like."""
        if self.token:
            return (self.sasl_xoauth2, self.token)
        escaped = self.password.replace("\\", "\\\\").replace('"', '\\"')
        alone = b64encode(self.password.encode()).decode()  # AUTH LOGIN
        return (escaped, self.password, self.sasl_plain, alone) if self.password else ()

    @property
    def sasl_plain(self) -> str:
        """The answer to AUTH PLAIN (RFC 4616), the one way to send letters beyond ASCII."""
        return b64encode(f"\0{self.username}\0{self.password}".encode()).decode()

    @property
    def xoauth2(self) -> str:
        """What signs in with an access token, before base64 (Google's and Microsoft's SASL XOAUTH2)."""
        return f"user={self.username}\x01auth=Bearer {self.token}\x01\x01"

    @property
    def sasl_xoauth2(self) -> str:
        return b64encode(self.xoauth2.encode()).decode()

    @property
    def upgrades(self) -> bool:
        return self.encryption == "starttls"

    @property
    def secure_from_the_start(self) -> bool:
        """A word nobody knows means TLS: a slip of the pen must not cost the encryption."""
        return self.encryption not in ("starttls", "none")


def place(example: str, *, port: int, ports: str, encryption: str = "tls") -> tuple[FieldSpec, ...]:
    """The settings that say where a server is and how the line to it is encrypted; `encryption` is the usual one."""
    others = (name for name in ENCRYPTIONS if name != encryption)
    return (
        FieldSpec("host", "Host", help=f"For example {example}.", required=True),
        FieldSpec("port", "Port", Kind.INTEGER, help=ports, default=port, minimum=1, maximum=65535),
        FieldSpec(
            "encryption",
            "Encryption",
            Kind.CHOICE,
            help="None is for your own network only.",
            default=encryption,
            choices=tuple((name, ENCRYPTIONS[name]) for name in (encryption, *others)),
        ),
    )
