"""Parts that are not the text of a mail, as files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailchannel.kernel.types import Attachment, PartKind
from mailchannel.parsing.charset import decode
from mailchannel.parsing.filenames import invented_name, safe_name
from mailchannel.parsing.header_block import read_headers
from mailchannel.parsing.limits import DEFAULT
from mailchannel.parsing.structure import Part
from mailchannel.parsing.words import readable

REPORTS = {"message/delivery-status", "message/disposition-notification", "message/feedback-report"}
CALENDARS = {"text/calendar", "application/ics"}
CONTENT_ID_IN_HTML = re.compile(r"cid:([^\"'\s)>]{1,300})", re.IGNORECASE)


def attachments(parts: Iterable[Part], html: str) -> tuple[Attachment, ...]:
    """One file per part, in the order of the mail. An attached mail is one file and stays closed."""
    shown = frozenset(found[1].lower() for found in CONTENT_ID_IN_HTML.finditer(html))
    return tuple(_attachment(part, number, shown) for number, part in enumerate(parts, start=1))


def content_id(part: Part) -> str:
    return decode(part.block.first("content-id")).strip().strip("<>").strip()[:300]


def _attachment(part: Part, number: int, shown: frozenset[str]) -> Attachment:
    kind = _kind(part, shown)
    name = safe_name(part.disposition.get("filename") or part.kind.get("name"))
    return Attachment(
        filename=name or _subject_of(part, kind) or invented_name(part.content_type, number),
        content_type=part.content_type,
        content=part.content,
        content_id=content_id(part),
        kind=kind,
    )


def _kind(part: Part, shown: frozenset[str]) -> PartKind:
    if part.content_type in ("message/rfc822", "message/global"):
        return PartKind.MESSAGE
    if part.content_type in REPORTS or part.content_type == "text/rfc822-headers":
        return PartKind.REPORT
    if part.content_type in CALENDARS:
        return PartKind.CALENDAR
    return PartKind.INLINE if content_id(part).lower() in shown else PartKind.FILE


def _subject_of(part: Part, kind: PartKind) -> str:
    """An attached mail is best recognised by its subject."""
    if kind is not PartKind.MESSAGE:
        return ""
    content = part.content
    subject = readable(read_headers(content, 0, min(len(content), 64_000), DEFAULT).first("subject"))
    return safe_name(f"{subject.replace('/', '-')[:80]}.eml") if subject.strip() else ""
