"""Where an Exchange mailbox is, and who opens it: asked for alike when reading and when sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.network.web_address import host_of

FIELDS = (
    FieldSpec("url", "Connect URL", help="For example https://mail.example.com/EWS/Exchange.asmx.", required=True),
    FieldSpec("mailbox", "Mailbox address", help="The mailbox to open; shared ones, too.", required=True),
    FieldSpec(
        "impersonate",
        "Open it by impersonation",
        Kind.SWITCH,
        help="For service accounts with the role ApplicationImpersonation, and for applications that sign in as "
        "themselves.",
        default=False,
    ),
    FieldSpec(
        "sign_in",
        "Sign-in",
        Kind.CHOICE,
        default="ntlm",
        choices=(("ntlm", "NTLM (Active Directory)"), ("basic", "Basic authentication")),
        auths=("password",),
    ),
    FieldSpec(
        "username",
        "User name",
        help="Such as CORP\\support or support@example.com.",
        required=True,
        auths=("password",),
    ),
    FieldSpec("password", "Password", Kind.SECRET, required=True, auths=("password",)),
)


@dataclass(frozen=True, slots=True)
class EwsAccount:
    """`mailbox`: the address of the mailbox to open. `sign_in`: basic or ntlm, where a password is used."""

    url: str
    mailbox: str
    username: str
    password: str = field(repr=False)
    sign_in: str
    impersonate: bool

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From the settings of a transport or sender, defaults filled in."""
        return cls(
            url=str(settings["url"]).strip(),
            mailbox=str(settings["mailbox"]).strip(),
            username=str(settings["username"]),
            password=str(settings["password"]),
            sign_in=settings["sign_in"],
            impersonate=bool(settings["impersonate"]),
        )

    def signed_in(self, *, token: bool) -> str:
        """For "Test connection"."""
        if token:
            return "Signed in with an access token."
        return f"Signed in as {self.username} by {'basic authentication' if self.sign_in == 'basic' else 'NTLM'}."

    @property
    def opened(self) -> str:
        return f"Opened the mailbox {self.mailbox}{', by impersonation' if self.impersonate else ''}."

    @property
    def host(self) -> str:
        """Empty when the URL is none."""
        return host_of(self.url)
