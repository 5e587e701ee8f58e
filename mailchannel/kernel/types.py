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
    BODY = "body"  # text people read
    ALTERNATIVE = "alternative"  # the same text in another form, such as the HTML beside the plain one
    FILE = "file"  # something the sender attached
    INLINE = "inline"  # shown inside the HTML by its Content-ID
    MESSAGE = "message"  # a whole mail attached (message/rfc822): one file, never opened
    CALENDAR = "calendar"
    REPORT = "report"  # machine-readable part of a delivery report (RFC 3464)
    SIGNATURE = "signature"  # proves who wrote the mail, to programs that can check it (RFC 1847)
    ENCRYPTED = "encrypted"  # readable only with the recipient's key (RFC 3156, RFC 8551)


TEXT_KINDS = frozenset({PartKind.BODY, PartKind.ALTERNATIVE})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail that holds no other. `filename` is for people only; it never becomes a path.

    `number` is the section number of IMAP (RFC 3501, 6.4.5), `1.2`; what was unpacked from a file has the number of
    that file and a letter. `content_type` is what the mail claims; `content` has its transfer encoding undone.
    """

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""  # without angle brackets
    kind: PartKind = PartKind.FILE
    number: str = ""

    @property
    def inline(self) -> bool:
        return self.kind is PartKind.INLINE


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient of a delivery report (RFC 3464, 2.3)."""

    address: str
    action: str = ""  # failed, delayed, delivered, relayed, expanded; empty when the report does not say
    status: str = ""  # such as 5.1.1 (RFC 3463)
    said: str = ""  # what the other server answered

    @property
    def for_good(self) -> bool:
        """It will not be tried again."""
        return self.action == "failed" or (not self.action and not self.status.startswith(("2", "4")))


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """This mail tells what became of another one. `sign` says in words what shows that it does."""

    sign: str
    recipients: tuple[FailedRecipient, ...] = ()
    original_ids: tuple[str, ...] = ()  # message ids of the mail it reports about, likeliest first


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
    parts: tuple[Part, ...] = ()  # every part that holds no other, in the order of the mail
    protection: str = ""  # how the sender protected it, in words: "signed with S/MIME"; empty: not at all
    report: DeliveryReport | None = None
    content_type: str = "text/plain"
    size: int = 0  # bytes on the server, also when only the headers were fetched
    defects: tuple[str, ...] = ()
    too_complex: str = ""  # why it was not read to the end; empty for every ordinary mail

    def header(self, name: str) -> str:
        """First value of a header (any case), decoded and unfolded, or an empty string."""
        return (self.headers.get(name.lower()) or ("",))[0]

    @property
    def attachments(self) -> tuple[Part, ...]:
        """Every part that is not its text."""
        return tuple(part for part in self.parts if part.kind not in TEXT_KINDS)

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Message ids this mail answers, nearest first."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))
