"""The parts of a mail as people meet them: with a name, a kind and their bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import unquote

from mailchannel.kernel.types import TEXT_KINDS, Part, PartKind
from mailchannel.parsing.filenames import invented_name, safe_name, shortened
from mailchannel.parsing.header_block import read_headers
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.structure import Node
from mailchannel.parsing.words import readable

REPORTS = frozenset(
    "message/delivery-status message/disposition-notification message/feedback-report message/global-delivery-status"
    " message/global-disposition-notification message/global-headers text/rfc822-headers message/rfc822-headers".split()
)
CALENDARS = frozenset({"text/calendar", "text/x-vcalendar", "application/ics"})
CONTENT_ID_IN_HTML = re.compile(r"cid:([^\"'\s)>]{1,300})")  # in lower case: a search for that is far quicker


def read_parts(leaves: Iterable[Node], html: str, limits: Limits) -> tuple[Part, ...]:
    """One part per leaf, in the order of the mail, each followed by what was unpacked from it.

    An attached mail is one file and stays closed.
    """
    shown = frozenset(unquote(found[1]) for found in CONTENT_ID_IN_HTML.finditer(html.lower()))
    parts: list[Part] = []
    for leaf in leaves:
        parts.append(_part(leaf, shown))
        parts += (_shown_inline(part, shown) for part in leaf.unpacked)
    return tuple(replace(part, filename=shortened(part.filename, limits.name)) for part in parts)


def content_id(node: Node) -> str:
    return readable(node.block.first("content-id")).strip().strip("<>").strip()[:300]


def _shown_inline(part: Part, shown: frozenset[str]) -> Part:
    return replace(part, kind=PartKind.INLINE) if part.content_id.lower() in shown else part


def _part(node: Node, shown: frozenset[str]) -> Part:
    kind = node.role or _kind(node, shown)
    name = safe_name(node.disposition.get("filename") or node.kind.get("name"))
    if not name and kind not in TEXT_KINDS:
        name = _subject_of(node, kind) or invented_name(node.content_type, node.number)
    return Part(name, node.content_type, node.content, content_id(node), kind, node.number)


def _kind(node: Node, shown: frozenset[str]) -> PartKind:
    if node.content_type in ("message/rfc822", "message/global"):
        return PartKind.MESSAGE
    if node.content_type in REPORTS:
        return PartKind.REPORT
    if node.content_type in CALENDARS:
        return PartKind.CALENDAR
    return PartKind.INLINE if content_id(node).lower() in shown else PartKind.FILE


def _subject_of(node: Node, kind: PartKind) -> str:
    """An attached mail is best recognised by its subject."""
    if kind is not PartKind.MESSAGE:
        return ""
    content = node.content
    subject = readable(read_headers(content, 0, min(len(content), 64_000), DEFAULT).first("subject"))
    return safe_name(f"{subject.replace('/', '-')[:80]}.eml") if subject.strip() else ""
