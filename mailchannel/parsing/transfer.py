"""Transfer encodings undone: base64, quoted-printable, uuencode. What cannot be undone stays as it is."""

from __future__ import annotations

import binascii
import re

from mailchannel.parsing.uuencode import decoded_line

FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]")
GAP = re.compile(rb"(?<=\S)[ \t](?=\S)")
CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f\x7f]")
#: What people put between the letters of `quoted-printable`, or around them.
UNNAMED = re.compile(rb"[^a-z0-9]")
#: One foreign character in so many, and a text is no base64 at all, whatever its header says.
TOO_FOREIGN = 10
LOOKED_AT = 4_000


def decode_transfer(body: bytes, encoding: bytes) -> bytes:
    """Undoes the transfer encoding; what cannot be undone stays as it is."""
    name = UNNAMED.sub(b"", encoding.lower().partition(b";")[0].partition(b"(")[0])
    if name in (b"base64", b"b"):
        return body if _is_no_base64(body) else from_base64(body)
    if name in (b"quotedprintable", b"q"):
        return binascii.a2b_qp(body)
    if name in (b"xuuencode", b"uuencode", b"uue", b"xuue"):
        return _from_uu(body)
    return body


def _from_uu(body: bytes) -> bytes:
    lines = iter(body.splitlines())
    if not any(line.startswith(b"begin ") for line in lines):
        return body
    content = bytearray()
    for line in lines:
        if line.strip() in (b"end", b"`", b""):
            break
        content += decoded_line(line, exact=False) or b""
    return bytes(content)


def from_base64(content: bytes) -> bytes:
    """Base64 as it comes: foreign characters are skipped, an incomplete end is completed."""
    try:
        return binascii.a2b_base64(content)
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _is_no_base64(body: bytes) -> bool:
    head = body[:LOOKED_AT].strip()
    foreign = len(FOREIGN.findall(head))
    if foreign * TOO_FOREIGN > len(head):
        return True
    return (foreign + len(GAP.findall(head))) * TOO_FOREIGN > len(head) and not _says_something(head)


def _says_something(head: bytes) -> bool:
    """Words with blanks between them decode to noise; base64 that somebody took apart with blanks decodes to words."""
    letters = re.sub(rb"[^A-Za-z0-9+/=]", b"", head)
    ending = letters.find(b"=") + 1
    letters = letters[: ending + (letters[ending : ending + 1] == b"=")] if ending else letters
    return len(letters) % 4 == 0 and CONTROL.search(from_base64(letters)) is None
