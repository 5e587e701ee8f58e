"""Bytes to ParsedMail. Never raises: what is wrong with a mail is said in its defects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mailchannel.kernel.types import ParsedMail, Part
from mailchannel.parsing.addresses import address_list
from mailchannel.parsing.attachments import read_parts
from mailchannel.parsing.body import Piece, as_body, read_body
from mailchannel.parsing.charset import decode
from mailchannel.parsing.dates import read_date
from mailchannel.parsing.guessing import one_mail
from mailchannel.parsing.header_block import HeaderBlock, read_headers
from mailchannel.parsing.limits import DEFAULT, Limits, TooComplex
from mailchannel.parsing.protection import read_protection
from mailchannel.parsing.reports import MESSAGE_ID, read_report
from mailchannel.parsing.sender import read_sender, shown
from mailchannel.parsing.structure import Tree
from mailchannel.parsing.unpacking import open_winmail
from mailchannel.parsing.words import readable, unfold

BARE_ID = re.compile(r"(?<![^\s<>])[^<>\s@]{1,499}@[^<>\s@]{1,498}(?![^\s<>])")
MOST_REFERENCES = 200
#: Rules read them, not people: decoded, an encoded word would let the sender write what our own server did not.
VERBATIM = frozenset({"authentication-results"})

Headers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Content:
    """What stands below the headers."""

    text: str
    html: str = ""
    parts: tuple[Part, ...] = ()
    content_type: str = "text/plain"
    protection: str = ""
    defects: tuple[str, ...] = ()
    too_complex: str = ""


def parse(raw: bytes, *, size: int | None = None, limits: Limits = DEFAULT) -> ParsedMail:
    """`size` is the size on the server when only a part of the mail (its headers) was fetched."""
    with one_mail():
        return _parse(raw, size, limits)


def _parse(raw: bytes, size: int | None, limits: Limits) -> ParsedMail:
    length = len(raw)
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    block = read_headers(raw, length - len(raw.lstrip(b"\r\n")), length, limits)
    headers = _headers(block, limits)
    content = _content(raw, block, limits)
    sender = read_sender(block.all("from"), forgiven="from" in block.forgiven)
    mail = ParsedMail(
        message_id=next(iter(_ids(headers, "message-id")), ""),
        sender=sender.address,
        sender_problem=sender.problem,
        from_header=shown(block.all("from")),
        to=address_list(block.all("to"), limits),
        cc=address_list(block.all("cc"), limits),
        reply_to=address_list(block.all("reply-to"), limits),
        subject=" ".join(next(iter(headers.get("subject", ())), "").split()),
        text=content.text,
        html=content.html,
        date=read_date(block.first("date")),
        in_reply_to=_ids(headers, "in-reply-to"),
        references=_ids(headers, "references"),
        headers=headers,
        parts=content.parts,
        protection=content.protection,
        content_type=content.content_type,
        size=length if size is None else size,
        defects=tuple(dict.fromkeys((*block.defects, *content.defects))),
        too_complex=content.too_complex,
    )
    return replace(mail, report=read_report(mail))


def _headers(block: HeaderBlock, limits: Limits) -> Headers:
    found: dict[str, list[str]] = {}
    for name, value in block.fields:
        found.setdefault(name, []).append(unfold(value) if name in VERBATIM else readable(value, limits))
    return MappingProxyType({name: tuple(values) for name, values in found.items()})


def _ids(headers: Headers, name: str) -> tuple[str, ...]:
    """Message ids without brackets; an id that came without them is taken as it is."""
    text = " ".join(headers.get(name, ()))
    found = MESSAGE_ID.findall(text) or BARE_ID.findall(text)
    return tuple(dict.fromkeys(found[-MOST_REFERENCES:]))


def _content(raw: bytes, block: HeaderBlock, limits: Limits) -> _Content:
    tree = Tree(raw, limits)
    try:
        root = tree.grow(block, len(raw))
        body = read_body(root, limits)
        unpacked = open_winmail(root.leaves(), limits)
    except TooComplex as why:
        flat = decode(raw[block.body : block.body + limits.flat_text])
        return _Content(flat, defects=tuple(tree.defects), too_complex=str(why))
    if not body.text.strip() and (unpacked.text or unpacked.html):
        body = as_body([Piece(unpacked.text, unpacked.html)], limits)
    protection = read_protection(root, body.text)
    parts = read_parts(root.leaves(), body.html, limits)
    defects = (*tree.defects, *unpacked.defects, *protection.defects)
    return _Content(body.text, body.html, parts, root.content_type, str(protection), defects)
