"""What is written down about a mail that could not be processed, and handed out as one archive."""

from __future__ import annotations

import logging
import re
import traceback
import zipfile
from collections.abc import Iterator, Sequence

from django.utils import timezone

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import ErrorReport, InboundMail, MailServer
from mailchannel.models.secrets import SecretUnreadable

log = logging.getLogger(__name__)

#: Headers that help to find out what a mail is and which program wrote it.
OF_INTEREST = (
    *("from", "sender", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "return-path"),
    *("mime-version", "content-type", "content-transfer-encoding", "auto-submitted", "x-mailer", "user-agent"),
)
MOST_REPORTS = 1000  # in one archive, the newest
_SEARCHED = 256_000  # bytes of a header block
_SEARCHED_FOR_PARTS = 5_000_000  # bytes of a mail
_LONGEST_VALUE = 500  # characters
_MOST_HEADERS = 60
_MOST_PARTS = 200
_LONGEST_TRACEBACK = 20_000
_PART_LINE = re.compile(rb"^content-(?:type|transfer-encoding|disposition):[^\n]{0,300}", re.IGNORECASE | re.MULTILINE)


def write(row: InboundMail, raw: bytes, error: BaseException | None = None) -> None:
    """One report about a mail that has just ended as failed; runs inside the caller's transaction."""
    try:
        text = _text(row, raw, error)
    except Exception:
        log.exception("the report about mail %s is incomplete", row.pk)
        text = f"Mail {row.pk}: {row.reason}\nMore could not be written down; the worker's log says why.\n"
    ErrorReport.objects.create(inbound=row, text=_storable(text))


def of_unresolved(server: MailServer) -> list[int]:
    """Keys of the reports about mails that still count as failed, newest first."""
    found = ErrorReport.objects.filter(inbound__server=server, inbound__outcome=Outcome.FAILED)
    return list(found.order_by("-pk").values_list("pk", flat=True)[:MOST_REPORTS])


def archive(reports: Sequence[int]) -> Iterator[bytes]:
    """A ZIP of the decrypted reports, piece by piece: never more than one of them is in memory."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as packed:  # type: ignore[call-overload]
        for pk in reports:
            name, text = _readable(pk)
            packed.writestr(name, text)
            yield pieces.take()
    yield pieces.take()


def named_headers(raw: bytes, names: Sequence[str]) -> list[tuple[str, str]]:
    """These headers as they stand in the mail, by plain searching: the parser may be what failed."""
    head = raw[:_SEARCHED].replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
    found: list[tuple[str, str]] = []
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            if found and len(found[-1][1]) < _LONGEST_VALUE:
                found[-1] = (found[-1][0], f"{found[-1][1]} {_legible(line)}")
        elif colon and len(found) < 5 * _MOST_HEADERS:
            found.append((name.strip().decode("ascii", "replace").lower(), _legible(value)))
    wanted = set(names)
    return [(name, value[:_LONGEST_VALUE]) for name, value in found if name in wanted][:_MOST_HEADERS]


class _Pieces:
    """A file that hands on what was written to it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _readable(pk: int) -> tuple[str, str]:
    """Name and text of a report. Both are numbers of ours: nothing a sender wrote becomes a file name."""
    try:
        report = ErrorReport.objects.get(pk=pk)
        return f"mail-{report.inbound_id}-report-{pk}.txt", report.text
    except SecretUnreadable as error:
        return f"report-{pk}.txt", f"{error}\n"
    except ErrorReport.DoesNotExist:
        return f"report-{pk}.txt", "This report was removed while it was being packed.\n"


def _text(row: InboundMail, raw: bytes, error: BaseException | None) -> str:
    sections = {
        "": _summary(row, raw),
        "Headers of interest": [f"{name}: {value}" for name, value in named_headers(raw, OF_INTEREST)],
        "Structure, as its source has it": _structure(raw),
        "Files and parts": [f"{each.get('number')} {each.get('content_type')}" for each in row.manifest[:_MOST_PARTS]],
        "Steps": [
            f"{step.get('stage')}.{step.get('code')}: {step.get('verdict')}  {step.get('because')}"
            for step in row.trace[:_MOST_PARTS]
        ],
        "Exception": [_exception(error)] if error else ["None: a rule found that it cannot be processed."],
    }
    return "\n".join(_section(heading, lines) for heading, lines in sections.items() if lines)


def _section(heading: str, lines: Sequence[str]) -> str:
    title = f"{heading}\n{'-' * len(heading)}\n" if heading else ""
    return title + "".join(f"{line}\n" for line in lines)


def _summary(row: InboundMail, raw: bytes) -> list[str]:
    return [
        f"Mail {row.pk} of {row.server.name} <{row.server.address}>",
        f"Reason: {row.reason}",
        f"What happened: {row.because}",
        f"Received: {row.received_at.isoformat(timespec='seconds')}",
        f"Report written: {timezone.now().isoformat(timespec='seconds')}",
        f"Came from: {row.folder or row.transport}, key {row.remote_key}, epoch {row.epoch or 'none'}",
        f"Size on the server: {row.size} bytes; kept: {len(raw)} bytes{' (headers only)' if row.headers_only else ''}",
        f"Settings: version {row.version or row.server.version}",
        f"Attempts: {row.attempts}",
        f"Identity: {row.identity}",
    ]


def _structure(raw: bytes) -> list[str]:
    """Lines that say what the parts are; nothing is decoded, no text is repeated."""
    lines = _PART_LINE.finditer(raw, 0, _SEARCHED_FOR_PARTS)
    return [_legible(found[0]) for found, _ in zip(lines, range(_MOST_PARTS), strict=False)]


def _exception(error: BaseException) -> str:
    """Where it was raised, line by line, without the values of variables: those may be secrets."""
    lines = "".join(traceback.TracebackException.from_exception(error, capture_locals=False, limit=-60).format())
    return lines[-_LONGEST_TRACEBACK:]


def _legible(text: bytes) -> str:
    return text[:2000].strip().decode("utf-8", "replace")


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
