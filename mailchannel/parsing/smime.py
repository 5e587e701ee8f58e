"""What an S/MIME file holds (RFC 5652), as far as it can be said without a key.

A walk of our own through the few outer elements: a library for the whole of ASN.1 would be one more reader of hostile
bytes, for the sake of one octet string.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SEQUENCE, OCTETS, CHUNKED_OCTETS, EXPLICIT, IDENTIFIER = 0x30, 0x04, 0x24, 0xA0, 0x06
SIGNED = bytes.fromhex("2a864886f70d010702")
SEALED = frozenset(
    {
        bytes.fromhex("2a864886f70d010703"),  # enveloped data
        bytes.fromhex("2a864886f70d010706"),  # encrypted data
        bytes.fromhex("2a864886f70d0109100117"),  # authenticated enveloped data
    }
)
MOST_CHUNKS = 100_000
BEGINS_WITH_A_HEADER = re.compile(rb"\s{0,4}[!-9;-~]{1,100}:")


class _Unclear(Exception):
    """Not what is expected here; never leaves this module."""


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    start: int
    end: int  # behind its content; of an element of indefinite length, the end of what holds it
    open: bool


def is_sealed(content: bytes) -> bool:
    """Encrypted for somebody's key."""
    try:
        return _kind(content)[0] in SEALED
    except _Unclear:
        return False


def is_signed(content: bytes) -> bool:
    try:
        return _kind(content)[0] == SIGNED
    except _Unclear:
        return False


def signed_content(content: bytes) -> bytes | None:
    """The part of a mail inside an envelope that signs; None if there is none, as in a signed invoice."""
    try:
        inner = _signed_content(content)
    except _Unclear:
        return None
    speaks_mime = BEGINS_WITH_A_HEADER.match(inner) and b"content-" in inner[:4_000].lower()
    return inner if speaks_mime else None


def _signed_content(data: bytes) -> bytes:
    kind, at, end = _kind(data)
    if kind != SIGNED:
        raise _Unclear
    signed = _element(data, _element(data, at, end, EXPLICIT).start, end, SEQUENCE)
    version = _element(data, signed.start, end)
    algorithms = _element(data, _behind(version), end)
    capsule = _element(data, _behind(algorithms), end, SEQUENCE)
    identifier = _element(data, capsule.start, end, IDENTIFIER)
    content = _element(data, _behind(identifier), end, EXPLICIT)
    return _octets(data, _element(data, content.start, end))


def _kind(data: bytes) -> tuple[bytes, int, int]:
    """(which kind of content, where the content begins, where everything ends)"""
    outer = _element(data, 0, len(data), SEQUENCE)
    identifier = _element(data, outer.start, outer.end, IDENTIFIER)
    return data[identifier.start : identifier.end], _behind(identifier), outer.end


def _element(data: bytes, at: int, end: int, expected: int | None = None) -> _Element:
    if at + 2 > end or (expected is not None and data[at] != expected):
        raise _Unclear
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length == 0x80:
        return _Element(tag, start, end, open=True)
    if length > 0x80:
        start += length - 0x80
        length = int.from_bytes(data[at + 2 : start], "big") if length <= 0x84 else end
    if start + length > end:
        raise _Unclear
    return _Element(tag, start, start + length, open=False)


def _behind(element: _Element) -> int:
    if element.open:
        raise _Unclear
    return element.end


def _octets(data: bytes, element: _Element) -> bytes:
    """In one piece, or in the chunks that programs write which do not know the length beforehand."""
    if element.tag == OCTETS:
        return data[element.start : _behind(element)]
    if element.tag != CHUNKED_OCTETS:
        raise _Unclear
    chunks: list[bytes] = []
    at = element.start
    while at < element.end and data[at : at + 2] != b"\0\0" and len(chunks) < MOST_CHUNKS:
        chunk = _element(data, at, element.end, OCTETS)
        at = _behind(chunk)
        chunks.append(data[chunk.start : at])
    return b"".join(chunks)
