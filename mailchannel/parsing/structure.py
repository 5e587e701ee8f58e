"""The tree of parts in a mail, as places in its bytes.

Our own reader, because the tree decides what a person sees: the standard library gives up at about 1,000 levels,
takes an attached mail apart (its bytes could not be handed on unchanged), and reads some headers in quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.header_block import HeaderBlock, read_headers
from mailchannel.parsing.limits import Limits, TooComplex
from mailchannel.parsing.parameters import Structured, structured
from mailchannel.parsing.transfer import decode_transfer

TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(slots=True)
class Node:
    """One part: its headers, and where its body stands in the mail. `number` is its section number (RFC 3501)."""

    raw: bytes
    block: HeaderBlock
    end: int
    kind: Structured  # Content-Type
    disposition: Structured
    number: str = "1"
    children: list[Node] = field(default_factory=list)
    role: PartKind | None = None  # what the reader of the body made of it

    @property
    def content_type(self) -> str:
        return self.kind.value

    @property
    def body(self) -> bytes:
        """As it stands in the mail, transfer encoding included."""
        return self.raw[self.block.body : self.end]

    def leaves(self) -> Iterator[Node]:
        """The parts that hold no other, in the order of the mail."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    @property
    def content(self) -> bytes:
        return decode_transfer(self.body, self.block.first("content-transfer-encoding"))


@dataclass(slots=True)
class Tree:
    """Builds the parts of one mail and counts them."""

    raw: bytes
    limits: Limits
    parts: int = 0
    defects: list[str] = field(default_factory=list)

    def grow(self, block: HeaderBlock, end: int, *, number: str = "", default: str = "text/plain") -> Node:
        """A part whose headers are read already, with everything inside it. Raises TooComplex."""
        self._count(depth=number.count(".") + 1 if number else 0)
        kind = structured(block.first("content-type"), self.limits)
        if TYPE.fullmatch(kind.value) is None:
            kind = Structured(_mended(kind.value, default), kind.parameters)
        disposition = structured(block.first("content-disposition"), self.limits)
        part = Node(self.raw, block, end, kind, disposition, number or "1")
        if kind.value.startswith("multipart/"):
            inner = "message/rfc822" if kind.value == "multipart/digest" else "text/plain"
            for count, (start, stop) in enumerate(self._places(part), start=1):
                head = read_headers(self.raw, start, stop, self.limits)
                below = f"{number}.{count}" if number else str(count)
                part.children.append(self.grow(head, stop, number=below, default=inner))
        return part

    def _count(self, *, depth: int) -> None:
        self.parts += 1
        if self.parts > self.limits.parts:
            raise TooComplex(f"The mail has more than {self.limits.parts} parts.")
        if depth > self.limits.depth:
            raise TooComplex(f"The parts of the mail are nested more than {self.limits.depth} deep.")

    def _places(self, part: Node) -> Iterator[tuple[int, int]]:
        """Where the parts between the boundary lines of a multipart begin and end."""
        begin = None
        for line, after, last in self._boundary_lines(part):
            if begin is not None:
                yield begin, max(begin, line)
            begin = None if last else after
            if last:
                return
        if begin is not None:
            self.defects.append("A part has no end; it was read to the end of the mail.")
            yield begin, part.end

    def _boundary_lines(self, part: Node) -> Iterator[tuple[int, int, bool]]:
        """(end of the text before, begin of the text after, is it the closing one)"""
        boundary = part.kind.get("boundary").rstrip().encode("utf-8", "surrogateescape")
        if not boundary:
            self.defects.append("A multipart has no boundary.")
            return
        mark, at, tries = b"--" + boundary, part.block.body, 0
        while (at := self.raw.find(mark, at, part.end)) >= 0:
            tries += 1
            if tries > 20 * self.limits.parts:
                raise TooComplex("Too many lines of the mail look like the boundary between two parts.")
            after = at + len(mark)
            if at == part.block.body or self.raw[at - 1 : at] == b"\n":
                ending = self.raw.find(b"\n", after, part.end)
                stop = part.end if ending < 0 else ending + 1
                tail = self.raw[after : min(stop, after + 200)].strip()
                if tail in (b"", b"--"):
                    yield _before_newline(self.raw, at), stop, tail == b"--"
            at = after


def _before_newline(raw: bytes, at: int) -> int:
    """The line break in front of a boundary belongs to the boundary (RFC 2046, 5.1.1)."""
    if raw[at - 2 : at] == b"\r\n":
        return at - 2
    return at - 1 if raw[at - 1 : at] == b"\n" else at


def _mended(value: str, default: str) -> str:
    """RFC 2045, 5.2: without a readable type it is plain text; `text` alone is what old programs wrote."""
    return {"": default, "text": "text/plain", "html": "text/html"}.get(value, "application/octet-stream")
