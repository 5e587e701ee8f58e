"""Outlook's rich text: unpacked from its compression (MS-OXRTFCP), and the words in it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from mailchannel.parsing.charset import decode, storable

COMPRESSED, PLAIN = b"LZFu", b"MELA"
HEADER = 16
#: What every such text begins with, so that it need not be sent. Fixed by the specification (3.1.3.1).
DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
WINDOW = 4096
LONGEST = 1_000_000  # bytes; what lies beyond is neither unpacked nor read

TOKEN = re.compile(
    rb"\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,9})? ?"
    rb"|\\(?P<symbol>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}]{1,10000})",
    re.DOTALL,
)
#: Groups that hold no text of the mail.
SILENT = frozenset(
    b"fonttbl colortbl stylesheet info pict object header footer listtable listoverridetable generator themedata"
    b" datastore fldinst".split()
)
WRITTEN = {b"par": "\n", b"line": "\n", b"row": "\n", b"cell": " ", b"tab": "\t", b"emdash": "—", b"endash": "–"} | {
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
}
SYMBOLS = {b"~": "\xa0", b"{": "{", b"}": "}", b"\\": "\\", b"_": "-", b"\n": "\n", b"\r": "\n"}
DEEPEST = 500


def decompressed(data: bytes) -> bytes:
    """The RTF, or an empty string for what is none. Ends where the data ends, however much it promised."""
    if len(data) < HEADER:
        return b""
    size = min(struct.unpack_from("<I", data, 4)[0], LONGEST)
    if data[8:12] == PLAIN:
        return data[HEADER : HEADER + size]
    return _unpacked(data, size) if data[8:12] == COMPRESSED else b""


def _unpacked(data: bytes, size: int) -> bytes:
    """Bytes and references into the last 4096 of them, eight to a byte of flags."""
    out, at = bytearray(DICTIONARY), HEADER
    begin = len(out)
    while at < len(data) and len(out) - begin < size:
        flags, at = data[at], at + 1
        for bit in range(8):
            if at + (flags >> bit & 1) >= len(data):
                break
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            reference = data[at] << 8 | data[at + 1]
            at += 2
            back = (len(out) - (reference >> 4)) % WINDOW
            if back == 0:
                return bytes(out[begin:])  # it points at itself: the end
            for _ in range((reference & 0xF) + 2):
                out.append(out[-back] if back <= len(out) else 0)
    return bytes(out[begin : begin + size])


def words(rtf: bytes) -> str:
    """The text in it. HTML that Outlook wrapped into RTF (MS-OXRTFEX) comes out as the text between its tags."""
    writer = _Writer()
    for token in TOKEN.finditer(rtf[:LONGEST]):
        writer.take(token)
    writer.flush()
    return storable("".join(writer.pieces)).strip()


@dataclass(slots=True)
class _Writer:
    pieces: list[str] = field(default_factory=list)
    waiting: bytearray = field(default_factory=bytearray)  # bytes of letters, which may need their neighbours
    charset: str = "cp1252"
    silent: bool = False
    double: bool = False  # what HTML has anyway, once more for programs without it
    groups: list[tuple[bool, int]] = field(default_factory=list)  # what the groups around this one go back to
    repeats: int = 1  # so many letters repeat, for old programs, each one outside their charset
    skip: int = 0  # of those, how many are still to come

    def take(self, token: re.Match[bytes]) -> None:
        if token["brace"]:
            self._group(opens=token["brace"] == b"{")
        elif token["word"]:
            self._word(token["word"], int(token["number"] or 1))
        elif token["symbol"] == b"*":
            self.silent = True  # a group that programs may ignore
        elif token["symbol"]:
            self._write(SYMBOLS.get(token["symbol"], ""))
        elif not (self.silent or self.double):
            self._letters(token)

    def _group(self, *, opens: bool) -> None:
        self.skip = 0
        if opens:
            self.groups[DEEPEST:] = []
            self.groups.append((self.silent, self.repeats))
        else:
            self.silent, self.repeats = self.groups.pop() if self.groups else (False, 1)

    def _letters(self, token: re.Match[bytes]) -> None:
        letters = bytes([int(token["byte"], 16)]) if token["byte"] else token["text"].translate(None, b"\r\n")
        dropped = min(self.skip, len(letters))
        self.skip -= dropped
        self.waiting += letters[dropped:]

    def _word(self, word: bytes, number: int) -> None:
        if word in SILENT:
            self.silent = True
        elif word == b"htmlrtf":
            self.double = number != 0
        elif word == b"ansicpg":
            self.charset = f"cp{number}"
        elif word == b"u":
            self._write(chr(number % 65536))
            self.skip = 0 if self.silent or self.double else self.repeats
        elif word == b"uc":
            self.repeats = max(number, 0)
        else:
            self._write(WRITTEN.get(word, ""))

    def _write(self, text: str) -> None:
        if text and not (self.silent or self.double):
            self.flush()
            self.pieces.append(text)

    def flush(self) -> None:
        self.pieces.append(decode(bytes(self.waiting), self.charset))
        self.waiting.clear()
