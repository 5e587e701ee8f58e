"""What makes a mail the same mail where the server writes it anew each time it is asked for it.

Boundaries, transfer encodings, folding, line ends and the headers of the parts may differ then; who wrote, when, about
what, the text and the files do not. As plain as the identity of other mails: no mail, however broken, is without one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from itertools import islice

from mailchannel.parsing.charset import codec_name
from mailchannel.parsing.dates import read_date
from mailchannel.parsing.guessing import one_mail
from mailchannel.parsing.identity import ORDER, SAME, SEARCHED
from mailchannel.parsing.transfer import decode_transfer
from mailchannel.parsing.words import readable

LONGEST_VALUE = 4_000
BOUNDARY = re.compile(rb"boundary[ \t]*=[ \t\n]*(?:\"([^\"\n]{1,200})\"|([^\s\";]{1,200}))", re.IGNORECASE)
MOST_BOUNDARIES = 1_000
CUT = re.compile(rb"^--([^\n]{1,250})$", re.MULTILINE)
MOST_PARTS = 10_000  # what follows them counts as one
BLANKS = b" \t\n\r\x0b\x0c"
RECEIVED = re.compile(rb"^received[ \t]*:(.*+(?:\n[ \t].*+)*+)", re.IGNORECASE | re.MULTILINE)
KIND = re.compile(rb"^content-type[ \t]*:[ \t\n]*([^\s;]{1,100})", re.IGNORECASE | re.MULTILINE)
CHARSET = re.compile(rb"charset[ \t]*=[ \t]*\"?([\w.:-]{1,60})", re.IGNORECASE)
ENCODING = re.compile(rb"^content-transfer-encoding[ \t]*:[ \t\n]*([\w-]{1,60})", re.IGNORECASE | re.MULTILINE)


def rebuilt_identity(raw: bytes, *, each_delivery: bool = False, headers_only: bool = False) -> str:
    """64 hexadecimal digits. With `each_delivery` two deliveries of the same mail differ, by the way they took."""
    text = b"\n" + raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    head = text.partition(b"\n\n")[0]
    digest = hashlib.sha256(b"headers\0" if headers_only else b"whole\0")
    with one_mail():
        for name, value in _headers(head):
            digest.update(name + b"\0" + value.encode("utf-8", "replace") + b"\0")
    if each_delivery:
        for trace in RECEIVED.finditer(head, 0, SEARCHED):
            digest.update(b"".join(trace[1].split()) + b"\0")
    if not headers_only:
        for content in _contents(text, len(head)):
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _headers(head: bytes) -> Iterator[tuple[bytes, str]]:
    found: dict[bytes, list[bytes]] = {}
    for match in SAME.finditer(head, 0, SEARCHED):
        found.setdefault(match[1].lower(), []).append(match[2][:LONGEST_VALUE])
    for name in ORDER:
        for value in found.get(name, []):
            date = read_date(value) if name == b"date" else None
            yield name, date.astimezone(UTC).isoformat() if date else "".join(readable(value).split())


def _contents(text: bytes, end_of_head: int) -> Iterator[bytes]:
    """What the parts hold, in order, without blanks. Every boundary is a cut, whatever it is nested in. A mail may be
    large, so the text is looked at where it lies.
    """
    cuts = _boundaries(text)
    if not cuts:
        yield _content(text[:end_of_head], text[end_of_head + 2 :])
        return
    start = -1  # what stands before the first boundary is for old programs
    body = end_of_head + 2
    for number, line in enumerate(line for line in CUT.finditer(text, body) if _is_cut(line[1], cuts)):
        if start >= 0:
            yield from _part(text, start, line.start())
        start = line.end()
        if number >= MOST_PARTS:
            break
    yield from _part(text, body if start < 0 else start, len(text))


def _is_cut(line: bytes, cuts: set[bytes]) -> bool:
    """Between two parts, or with two more dashes after the last of them."""
    name = line.rstrip()
    return name in cuts or name.removesuffix(b"--") in cuts


def _boundaries(text: bytes) -> set[bytes]:
    cuts = set[bytes]()
    for match in islice(BOUNDARY.finditer(text), 10 * MOST_BOUNDARIES):
        cuts.add((match[1] or match[2]).rstrip())
        if len(cuts) >= MOST_BOUNDARIES:
            break
    return cuts


def _part(text: bytes, start: int, end: int) -> Iterator[bytes]:
    """Nothing for what only holds other parts, and for the blank lines after the last one."""
    end_of_head = text.find(b"\n\n", start, end)
    head, body = (text[start:end], b"") if end_of_head < 0 else (text[start:end_of_head], text[end_of_head + 2 : end])
    kind = KIND.search(head)
    if (head.strip() or body.strip()) and not (kind and kind[1].lower().startswith(b"multipart/")):
        yield _content(head, body)


def _content(head: bytes, body: bytes) -> bytes:
    encoding, kind, charset = ENCODING.search(head), KIND.search(head), CHARSET.search(head)
    content = decode_transfer(body, encoding[1]) if encoding else body
    if charset and (not kind or kind[1].lower().startswith(b"text/")):
        codec = codec_name(charset[1].decode("ascii", "replace"))
        with suppress(UnicodeError, ValueError, LookupError):  # some codecs cannot replace: the bytes speak then
            content = content.decode(codec, "replace").encode("utf-8", "replace") if codec else content
    return content.translate(None, BLANKS)
