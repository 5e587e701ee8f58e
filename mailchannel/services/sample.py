"""One mail on trial: the oldest of the mailbox, or one that was uploaded. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from mailchannel.kernel.types import ParsedMail, Part
from mailchannel.models import MailServer
from mailchannel.parsing.automatic import automatic, bulk
from mailchannel.parsing.importance import importance
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services.audit import Person
from mailchannel.services.config import freeze
from mailchannel.services.connecting import opened
from mailchannel.services.preview import LONGEST_VALUE
from mailchannel.services.reading import remarks
from mailchannel.services.receive import LISTED_AT_ONCE, sources
from mailchannel.services.rehearsal import note
from mailchannel.services.trying import Sample, Tried, World, parsed
from mailchannel.transports import Listed, MessageRef, Transport, TransportError

#: Looked through for the oldest mail in each folder: mail that was moved there has a high number and an old date.
MOST_LISTED = 2000
MOST_HEADERS = 100
LONGEST_TEXT = 5000
PLACE = "a new ticket"


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail as it reads, and what would become of it."""

    properties: tuple[Property, ...]
    headers: tuple[Property, ...]
    text: str
    files: tuple[File, ...]
    tried: Tried
    folder: str = ""


class NoSample(Exception):
    """Said to a person. `field` names the setting to look at, if it is one's fault."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def oldest(server: MailServer, *, by: Person | None = None) -> Shown:
    """The oldest mail of the folders that are read, with nothing changed. Raises NoSample."""
    note(server, "Fetched a sample mail; nothing changed.", by)
    try:
        with opened(server) as box:
            return _oldest(server, box)
    except TransportError as error:
        raise NoSample(str(error), error.field) from error


def show(server: MailServer, raw: bytes, *, received_at: datetime | None = None) -> Shown:
    """A mail as its bytes are, judged as if it came in at that time, or now."""
    return _shown(server, Sample(raw, received_at or timezone.now(), len(raw), PLACE))


def largest(server: MailServer) -> int:
    """Bytes; a mail beyond it would not be read either."""
    return limit(server.acceptance)


def _oldest(server: MailServer, box: Transport) -> Shown:
    listed = [each for folder in sources(server) for each in _listed(box, folder)]
    if not listed:
        raise NoSample("There is no mail in the folders that are read. Write one to the mailbox and try again.")
    first = min(listed, key=lambda each: each.received_at or timezone.now())
    box.epoch(first.ref.folder, readonly=True)
    short = first.size > largest(server)
    found = list(box.fetch_headers([first.ref]) if short else box.fetch([first.ref], expect_bytes=first.size))
    if not found:
        raise NoSample("The mail was removed while it was being looked at. Try again.")
    size = first.size if short else len(found[0].raw)
    received = first.received_at or timezone.now()
    return _shown(server, Sample(found[0].raw, received, size, PLACE, short, first.ref.folder))


def _listed(box: Transport, folder: str) -> Iterator[Listed]:
    epoch = box.epoch(folder, readonly=True)
    keys = box.keys(folder)[:MOST_LISTED]
    for start in range(0, len(keys), LISTED_AT_ONCE):  # mail servers refuse long commands
        yield from box.describe([MessageRef(folder, key, epoch) for key in keys[start : start + LISTED_AT_ONCE]])


def _shown(server: MailServer, sample: Sample) -> Shown:
    mails = parsed([sample])
    (tried,) = World(server, freeze(server)).judge([sample], mails)
    mail = mails[0] if isinstance(mails[0], ParsedMail) else ParsedMail()
    return Shown(
        properties=tuple(_properties(mail, sample)),
        headers=tuple(_headers(mail)),
        text=mail.text[:LONGEST_TEXT],
        files=tuple(_file(part) for part in mail.attachments),
        tried=tried,
        folder=sample.folder,
    )


def _properties(mail: ParsedMail, sample: Sample) -> Iterator[Property]:
    yield Property("Kind", _kind(mail))
    yield Property("From", mail.from_header or "nobody")
    yield Property("To", ", ".join(map(str, mail.to[:20])))
    if mail.cc:
        yield Property("Cc", ", ".join(map(str, mail.cc[:20])))
    yield Property("Subject", mail.subject or "(no subject)")
    yield Property("Received", f"{timezone.localtime(sample.received_at):%Y-%m-%d %H:%M:%S}")
    yield Property("Written", f"{mail.date:%Y-%m-%d %H:%M:%S %z}" if mail.date else "its Date header says nothing")
    yield Property("Importance", importance(mail) or "not said")
    yield Property("Size", f"{sample.size:,} bytes")
    yield Property("Form", mail.content_type)
    if mail.protection:
        yield Property("Protection", mail.protection)
    if sample.headers_only:
        yield Property("Body", "not fetched: the mail is larger than this mail server accepts")
    for remark in remarks(mail):
        yield Property("Remark", remark)


def _kind(mail: ParsedMail) -> str:
    if mail.report:
        return f"a delivery report: {mail.report.sign}"
    if why := automatic(mail):
        return f"automatic: {why}"
    if why := bulk(mail):
        return f"to many: {why}"
    return "an answer" if mail.ancestors else "a letter"


def _headers(mail: ParsedMail) -> Iterator[Property]:
    lines = [Property(name, value[:LONGEST_VALUE]) for name, values in mail.headers.items() for value in values]
    yield from lines[:MOST_HEADERS]


def _file(part: Part) -> File:
    return File(part.filename or "(no name)", part.content_type, len(part.content))
