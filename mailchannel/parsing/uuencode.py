"""Files in uuencode, as programs without MIME put them into the text of a mail."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

#: The first line of a file: a mode and a name. A text that begins a line with “begin” has no mode.
BEGIN = re.compile(rb"^begin (?P<mode>0?[0-7]{3}) (?P<name>[^\r\n]{1,300})\r?$", re.MULTILINE)
MOST_FILES = 100
LONGEST_LINE = 90
MOST_EMPTY_LINES = 3  # one stands before the end


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file and where it stood in the text."""

    name: bytes
    content: bytes
    start: int
    end: int


def encoded_files(text: bytes) -> list[Encoded]:
    """The well-formed ones: what lacks its end, or has a line of a wrong length, stays text."""
    if b"begin " not in text:
        return []
    found: list[Encoded] = []
    at = 0
    for _ in range(MOST_FILES):
        begin = BEGIN.search(text, at)
        if begin is None:
            break
        file = _read(text, begin)
        at = file.end if file else begin.end()
        if file:
            found.append(file)
    return found


def _read(text: bytes, begin: re.Match[bytes]) -> Encoded | None:
    content, at, empty = bytearray(), begin.end() + 1, 0
    while at < len(text):
        line = text[at : at + LONGEST_LINE].partition(b"\n")[0]
        after = at + len(line) + 1
        line = line.rstrip(b"\r")
        if line.rstrip() == b"end":
            end = min(after, len(text))
            return Encoded(begin["name"].strip(), bytes(content), begin.start(), end) if content else None
        piece = decoded_line(line)
        empty += piece == b""
        if piece is None or empty > MOST_EMPTY_LINES:
            return None
        content += piece
        at = after
    return None


def decoded_line(line: bytes, *, exact: bool = True) -> bytes | None:
    """The bytes of one line; None if it has other signs than uuencode or, where `exact`, is longer than it declares.

    Some encoders leave rubbish behind the letters that count, and a sentence may look like such a line.
    """
    if not line.strip(b" `\t"):
        return b""
    length = (line[0] - 32) & 63
    wanted = 1 + (length + 2) // 3 * 4
    letters = line[1:wanted].ljust(wanted - 1)  # blanks at the end get lost on the way
    if not 32 <= line[0] <= 96 or (exact and len(line) > wanted + 2):
        return None
    try:
        return binascii.a2b_uu(line[:1] + letters)[:length]
    except binascii.Error:
        return None
