"""What can be seen on the way into a mail server, one step after the other: for people who look for a fault."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from mailchannel.network.proxy import Proxy  # which itself tells of sights

#: In place of an encryption, where a mailbox is reached over the web.
HTTPS: Final = "https"


class Step(StrEnum):
    """A stretch of the way in, as its heading."""

    TOKEN = "Access token"  # noqa: S105 - a heading
    NAME = "Name"
    LINE = "Line"
    TLS = "Encryption"
    GREETING = "Greeting"
    OFFERS = "Before signing in"
    SERVICE = "Service"
    SIGN_IN = "Sign-in"
    MAILBOX = "Mailbox"
    ABILITIES = "Abilities"


@dataclass(frozen=True, slots=True)
class Sight:
    """A step that was made. `worry`: it worked, but somebody has to do something about it."""

    step: Step
    text: str
    worry: str = ""
    field: str = ""


Watch = Callable[[Sight], None]


@runtime_checkable
class Watched(Protocol):
    """A transport or sender that tells of each step while it connects."""

    def watch(self, seen: Watch) -> None: ...


@dataclass(frozen=True, slots=True)
class Space:
    """How full a mailbox is, in units of 1024 bytes."""

    used: int
    limit: int


@runtime_checkable
class Surveyed(Protocol):
    """A transport that knows what we may do in a folder, without trying it."""

    def rights(self, folder: str) -> str | None:
        """Letters of RFC 4314, or None where the server does not say."""
        ...

    def space(self) -> Space | None: ...

    def home(self) -> str:
        """What the names of one's own folders begin with; empty when with nothing."""
        ...

    def can_remove(self) -> bool:
        """Whether the server deletes single mails."""
        ...


def line_sight(sock: socket.socket | None, port: int, proxy: Proxy | None = None) -> Sight:
    """Behind a proxy nobody here knows to which address it connected."""
    if proxy:
        return Sight(Step.LINE, f"Connected to port {port} through the proxy {proxy}.")
    address = sock.getpeername()[0] if sock else "somewhere"
    return Sight(Step.LINE, f"Connected to {address}, port {port}.")


def nobody(sight: Sight) -> None:
    """Looks on when the mailbox is read as usual."""


def steps(encryption: str) -> tuple[Step, ...]:
    """In the order in which they are made."""
    if encryption == HTTPS:
        return Step.NAME, Step.LINE, Step.TLS, Step.SERVICE, Step.SIGN_IN, Step.MAILBOX
    if encryption == "starttls":
        return Step.NAME, Step.LINE, Step.GREETING, Step.TLS, Step.OFFERS, Step.SIGN_IN
    return Step.NAME, Step.LINE, Step.TLS, Step.GREETING, Step.OFFERS, Step.SIGN_IN
