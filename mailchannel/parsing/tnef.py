"""What lies inside a winmail.dat: the files and the body that Outlook packed into its own format (MS-OXTNEF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailchannel.parsing.charset import decode

SIGNATURE = b"\x78\x9f\x3e\x22"
HEADER = 6  # the signature and a key that means nothing

# Attributes: the lower half of their id (MS-OXTNEF, 2.1.3.2)
BODY, CODEPAGE, MESSAGE_PROPERTIES = 0x800C, 0x9007, 0x9003
NEW_FILE, FILE_TITLE, FILE_DATA, FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005

# Properties (MS-OXPROPS)
P_BODY, P_RTF, P_HTML, P_CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FDE
P_DATA, P_SHORT_NAME, P_LONG_NAME, P_MIME, P_CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712

SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
LONG = 0x03
STRING, UNICODE, OBJECT, BINARY = 0x1E, 0x1F, 0x0D, 0x102
SEVERAL = 0x1000
EMBEDDED_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")

UTF_16 = "utf-16-le"

MOST_ATTRIBUTES = 20_000
MOST_FILES = 500
MOST_PROPERTIES = 5_000
MOST_VALUES = 5_000


class _Damaged(Exception):
    """The file ends too early or counts wrongly; never leaves this module."""


@dataclass(slots=True)
class WinmailFile:
    name: str = ""
    content_type: str = ""
    content: bytes = b""
    content_id: str = ""
    is_message: bool = False  # a mail attached to the mail, in Outlook's own format


@dataclass(slots=True)
class Winmail:
    text: str = ""
    html: str = ""
    rtf: bytes = b""  # compressed, see `rtf.py`
    files: list[WinmailFile] = field(default_factory=list)
    charset: str = ""
    damaged: bool = False  # there may be more in it than was read


def read_winmail(data: bytes) -> Winmail | None:
    """None for what is no winmail.dat. Never raises: of a damaged one, what stands before the damage."""
    if not data.startswith(SIGNATURE):
        return None
    found = Winmail()
    try:
        for name, content in _attributes(data):
            _take(found, name, content)
    except _Damaged:
        found.damaged = True
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = HEADER
    for _ in range(MOST_ATTRIBUTES):
        if at + 9 > len(data):
            return
        _level, name, _kind, length = struct.unpack_from("<BHHI", data, at)
        if at + 9 + length > len(data):
            raise _Damaged
        yield name, data[at + 9 : at + 9 + length]
        at += 9 + length + 2  # a checksum, which says nothing we need
    raise _Damaged


def _take(found: Winmail, name: int, content: bytes) -> None:
    if name == CODEPAGE and len(content) >= 4:
        found.charset = _charset(content)
    elif name == BODY:
        found.text = found.text or _string(content, found.charset)
    elif name == MESSAGE_PROPERTIES:
        _take_body(found, content)
    elif name == NEW_FILE:
        if len(found.files) >= MOST_FILES:
            raise _Damaged
        found.files.append(WinmailFile())
    elif found.files:
        _take_file(found.files[-1], name, content, found.charset)


def _take_body(found: Winmail, content: bytes) -> None:
    for name, kind, value in _properties(content):
        if name == P_CODEPAGE and kind == LONG:
            found.charset = _charset(value)
        elif name == P_BODY:
            found.text = _text(kind, value, found.charset) or found.text
        elif name == P_HTML:
            found.html = _text(kind, value, found.charset)
        elif name == P_RTF:
            found.rtf = value


def _take_file(file: WinmailFile, name: int, content: bytes, charset: str) -> None:
    if name == FILE_TITLE:
        file.name = file.name or _string(content, charset)
    elif name == FILE_DATA:
        file.content = content
    elif name == FILE_PROPERTIES:
        for key, kind, value in _properties(content):
            _take_property(file, key, kind, value, charset)


def _take_property(file: WinmailFile, name: int, kind: int, value: bytes, charset: str) -> None:
    if name == P_LONG_NAME or (name == P_SHORT_NAME and not file.name):
        file.name = _text(kind, value, charset) or file.name
    elif name == P_MIME:
        file.content_type = _text(kind, value, charset).strip().lower()
    elif name == P_CONTENT_ID:
        file.content_id = _text(kind, value, charset).strip().strip("<>")
    elif name == P_DATA and kind in (OBJECT, BINARY):
        file.is_message = kind == OBJECT and value.startswith(EMBEDDED_MESSAGE)
        file.content = (value[len(EMBEDDED_MESSAGE) :] if kind == OBJECT else value) or file.content


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(name, type, first value) of each property."""
    read = _Reader(data)
    count = read.number()
    if count > MOST_PROPERTIES:
        raise _Damaged
    for _ in range(count):
        kind, name = read.half(), read.half()
        if name >= 0x8000:
            read.skip(16)
            if read.number():  # named by a string instead of a number
                read.padded()
            else:
                read.skip(4)
        values = _values(read, kind)
        if values:
            yield name, kind & ~SEVERAL, values[0]


def _values(read: _Reader, kind: int) -> list[bytes]:
    several, kind = bool(kind & SEVERAL), kind & ~SEVERAL
    varies = kind in (STRING, UNICODE, OBJECT, BINARY)
    count = read.number() if several or varies else 1
    if count > MOST_VALUES or (not varies and kind not in SIZES):
        raise _Damaged
    return [read.padded() if varies else read.take(SIZES[kind]) for _ in range(count)]


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise _Damaged
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def skip(self, length: int) -> None:
        self.take(length)

    def half(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def padded(self) -> bytes:
        """A length, so many bytes, and zeros up to a multiple of four."""
        piece = self.take(self.number())
        self.at = min(self.at + -len(piece) % 4, len(self.data))
        return piece


def _text(kind: int, value: bytes, charset: str) -> str:
    return _string(value, UTF_16 if kind == UNICODE else charset)


def _string(value: bytes, charset: str) -> str:
    """Without the NUL it ends in."""
    if charset == UTF_16:
        return decode(value[: len(value) & ~1].removesuffix(b"\0\0"), charset).rstrip()
    return decode(value.partition(b"\0")[0], charset).rstrip()


def _charset(value: bytes) -> str:
    """Microsoft's number of a charset as the name that mails use."""
    number = int.from_bytes(value[:4], "little")
    return f"iso-8859-{number - 28590}" if 28591 <= number <= 28605 else f"cp{number}"
