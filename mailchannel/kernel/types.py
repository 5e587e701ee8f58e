"""What a mail is, once it has left the wire. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `email` is canonical: lower case, domain in ASCII (RFC 5890), never empty in a readable sender."""

    email: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email


class PartKind(StrEnum):
    FILE = "file"  # something the sender attached
    INLINE = "inline"  # shown inside the HTML by its Content-ID
    MESSAGE = "message"  # a whole mail attached (message/rfc822): one file, never opened
    CALENDAR = "calendar"
    REPORT = "report"  # machine-readable part of a delivery report (RFC 3464)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part of a mail that is not its text. `filename` is for people only; it never becomes a path."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""  # without angle brackets
    kind: PartKind = PartKind.FILE

    @property
    def inline(self) -> bool:
        return self.kind is PartKind.INLINE


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail in plain data. Every string is storable: no NUL, no lone surrogate. Message ids come without brackets."""

    message_id: str = ""
    sender: Address | None = None  # None: unreadable, see sender_problem
    sender_problem: str = ""
    from_header: str = ""  # as a person would see it, for the log
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    date: datetime | None = None  # aware; what the sender claims
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    attachments: tuple[Attachment, ...] = ()
    content_type: str = "text/plain"
    size: int = 0  # bytes on the server, also when only the headers were fetched
    defects: tuple[str, ...] = ()
    too_complex: str = ""  # why it was not read to the end; empty for every ordinary mail

    def header(self, name: str) -> str:
        """First value of a header (any case), decoded and unfolded, or an empty string."""
        return (self.headers.get(name.lower()) or ("",))[0]

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Message ids this mail answers, nearest first."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))
