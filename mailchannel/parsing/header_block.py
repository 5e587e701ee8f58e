"""Where a header block ends, and which headers stand in it, as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailchannel.parsing.limits import Limits

#: A name may hold anything visible but a colon; blanks before the colon are an old error that some readers forgive.
NAME = re.compile(rb"([\x21-\x39\x3b-\x7e\x80-\xff]{1,200})([ \t]*):")
#: Headers a mail has once. If one of them follows a line that is no header, the headers have not ended yet.
ONCE_IN_A_MAIL = frozenset("from to date subject message-id mime-version".split())
ONCE = ONCE_IN_A_MAIL | {"content-type", "content-transfer-encoding", "content-disposition"}
LONGEST_FOLD = 1_000

ENVELOPE = (b"From ", b">From ")  # of a mailbox file
BLANK_LINES = (b"\n\n", b"\n\r\n")


def headers_of(raw: bytes) -> bytes:
    """The header block with the blank line that ends it; all of it where there is none."""
    ends = [at + len(end) for end in BLANK_LINES if (at := raw.find(end)) >= 0]
    return raw[: min(ends)] if ends else raw


@dataclass(slots=True)
class HeaderBlock:
    """`fields` are names in lower case with their raw values, in order. The body begins at `body`."""

    body: int
    fields: list[tuple[str, bytes]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    forgiven: set[str] = field(default_factory=set)  # names recognised only by guessing
    broken_off: bool = False  # it ended in a line that is no header
    folded: list[bytes] = field(default_factory=list)  # lines of the last header, joined once it is complete

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.fields if key == name]

    def first(self, name: str) -> bytes:
        return next((value for key, value in self.fields if key == name), b"")


def read_headers(raw: bytes, start: int, end: int, limits: Limits) -> HeaderBlock:
    """Headers from `start` on, up to a blank line or the first line that cannot be a header."""
    block = HeaderBlock(body=end)
    for at, after, line in _lines(raw, start, end):
        if not line:
            block.body = after
            break
        if at - start > limits.header_block or len(block.fields) >= limits.headers:
            block.defects.append("The headers are longer than is read; the rest was left out.")
            block.body = _after_blank_line(raw, at, end)
            break
        if not _take(block, line, limits) and not _lost_its_blank(block, line, raw[after : after + 100], limits):
            block.body, block.broken_off = at, True
            block.defects.append("The headers end in a line that is none.")
            break
    _unfold(block, limits)
    return block


def _lost_its_blank(block: HeaderBlock, line: bytes, following: bytes, limits: Limits) -> bool:
    """A folded line whose blank was cut off: a parameter is missing, or a header that must come yet follows."""
    if not block.fields or len(line) > LONGEST_FOLD:
        return False
    _unfold(block, limits)
    waits = block.fields[-1][1].rstrip().endswith(b";") and b"=" in line
    named = NAME.match(following)
    if not waits and (named is None or not _must_come_yet(block, named[1].decode("latin-1").lower())):
        return False
    block.defects.append("A line of the headers is not indented; it was taken as part of the one before.")
    _continue(block, b" " + line, limits)
    block.forgiven.add(block.fields[-1][0])
    return True


def _must_come_yet(block: HeaderBlock, name: str) -> bool:
    """`Date:` in the text of a part without a blank line is no header: such parts have none but those of MIME."""
    known = {each for each, _ in block.fields}
    return name in ONCE - known and (name.startswith("content-") or not known.isdisjoint(ONCE_IN_A_MAIL))


def _take(block: HeaderBlock, line: bytes, limits: Limits) -> bool:
    """Adds one line to the block; False when the line does not belong to a header block."""
    if line[:1] in b" \t":
        _continue(block, line, limits)
        return True
    named = NAME.match(line)
    if named is None:
        return not block.fields and line.startswith(ENVELOPE)
    name = named[1].decode("latin-1").lower()
    if named[2]:
        block.defects.append(f"There is a blank between “{name}” and its colon.")
        block.forgiven.add(name)
    _unfold(block, limits)
    block.fields.append((name, line[named.end() :][: limits.header_value]))
    return True


def _continue(block: HeaderBlock, line: bytes, limits: Limits) -> None:
    """A line that begins with a blank belongs to the header before it."""
    if not block.fields:
        block.defects.append("The first line is indented.")
        if NAME.match(line.lstrip()):
            _take(block, line.lstrip(), limits)
            block.forgiven.add(block.fields[-1][0])
        return
    block.folded.append(line)


def _unfold(block: HeaderBlock, limits: Limits) -> None:
    """Joins the lines of the last header at once: thousands of short ones would be copied again and again."""
    if block.folded:
        name, value = block.fields[-1]
        block.fields[-1] = (name, b"".join((value, *block.folded))[: limits.header_value])
        block.folded.clear()


def _lines(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """(where it begins, where the next one begins, the line without its end)"""
    while start < end:
        stop = raw.find(b"\n", start, end)
        after = end if stop < 0 else stop + 1
        yield start, after, raw[start : end if stop < 0 else stop].rstrip(b"\r")
        start = after


def _after_blank_line(raw: bytes, start: int, end: int) -> int:
    ends = [found + len(mark) for mark in BLANK_LINES if (found := raw.find(mark, start, end)) >= 0]
    return min(ends, default=end)
