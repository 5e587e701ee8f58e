"""The tree of parts in a mail, as places in its bytes.

Our own reader, because the tree decides what a person sees: the standard library gives up at about 1,000 levels,
takes an attached mail apart (its bytes could not be handed on unchanged), and reads some headers in quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailchannel.kernel.types import Part, PartKind
from mailchannel.parsing.boundaries import Division, begins_with_a_part, divide
from mailchannel.parsing.header_block import HeaderBlock, read_headers
from mailchannel.parsing.limits import Limits, TooComplex
from mailchannel.parsing.parameters import Structured, structured
from mailchannel.parsing.smime import signed_content
from mailchannel.parsing.transfer import decode_transfer

#: What stands in front of the first part is for programs without MIME, and says so.
CUSTOMARY = re.compile(rb"\bMIME\b")
LONGEST_CUSTOMARY = 600

SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
SMIME_NAME = "smime.p7m"
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
    unpacked: tuple[Part, ...] = ()  # files found inside it

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
    inside: bool = False  # of something that was opened; nothing is opened twice

    def grow(self, block: HeaderBlock, end: int, *, number: str = "", default: str = "text/plain") -> Node:
        """A part whose headers are read already, with everything inside it. Raises TooComplex."""
        self._count(depth=number.count(".") + 1 if number else 0)
        kind, other = self._types(block, end, default)
        disposition = structured(block.first("content-disposition"), self.limits)
        part = Node(self.raw, block, end, kind, disposition, number or "1")
        if kind.value.startswith("multipart/"):
            self._divide(part, number, other)
        elif kind.value == "message/partial":
            self.defects.append("The mail is one piece of a larger one that was sent in several.")
        elif (inner := self._signed(part, whole=not number)) is not None:
            return inner
        return part

    def _types(self, block: HeaderBlock, end: int, default: str) -> tuple[Structured, Structured | None]:
        """The Content-Type. A second one beside a multipart belongs to the text that stands before its parts."""
        values = block.all("content-type")
        if not values and begins_with_a_part(self.raw, block.body, end):
            return Structured("multipart/mixed"), None
        kinds = [self._readable(structured(value, self.limits), default) for value in values or [b""]]
        divided = next((kind for kind in kinds if kind.value.startswith("multipart/")), None)
        if len(kinds) > 1:
            self.defects.append("A part has more than one Content-Type.")
            simple = next((kind for kind in kinds if not kind.value.startswith("multipart/")), None)
            return (divided, simple) if divided else (kinds[0], None)
        return kinds[0], None

    def _divide(self, part: Node, number: str, before: Structured | None) -> None:
        found = divide(self.raw, part.block.body, part.end, part.kind.get("boundary"), self.limits)
        if not found.places and self._divide_encoded(part, number):
            return
        self.defects += found.defects
        inner = "message/rfc822" if part.kind.value == "multipart/digest" else "text/plain"
        start, stop = found.before
        if before is not None and found.places and self.raw[start:stop].strip():
            part.children.append(Node(self.raw, part.block, stop, before, part.disposition, _below(number, 0)))
        for count, (start, stop) in enumerate(found.places, start=1):
            head = self._part_headers(start, stop)
            part.children.append(self.grow(head, stop, number=_below(number, count), default=inner))
        if part.children and not any(leaf.body.strip() for leaf in part.leaves()):
            part.children += self._around(found, number)

    def _divide_encoded(self, part: Node, number: str) -> bool:
        """A multipart must not have a transfer encoding (RFC 2045, 6.4), yet some have."""
        content = b"" if self.inside else part.content
        if not content or content == part.body:
            return False
        below = Tree(content, self.limits, parts=self.parts, defects=self.defects, inside=True)
        decoded = Node(content, HeaderBlock(body=0), len(content), part.kind, part.disposition, part.number)
        below._divide(decoded, number, None)
        self.parts, part.children = below.parts, decoded.children
        if part.children:
            self.defects.append("A multipart has a transfer encoding; it was undone.")
        return bool(part.children)

    def _part_headers(self, start: int, stop: int) -> HeaderBlock:
        """A part that begins with its text instead of headers is read from its beginning."""
        head = read_headers(self.raw, start, stop, self.limits)
        if head.broken_off and not any(name.startswith("content-") for name, _ in head.fields):
            return HeaderBlock(body=start)
        self.defects += head.defects
        return head

    def _around(self, found: Division, number: str) -> Iterator[Node]:
        """What stands around parts that are all empty is what the sender wrote."""
        for count, (start, stop) in ((0, found.before), (len(found.places) + 1, found.after)):
            text = self.raw[start:stop].strip()
            if text and not (len(text) < LONGEST_CUSTOMARY and CUSTOMARY.search(text)):
                self.defects.append("The parts of a multipart are empty; what stands around them is shown.")
                head = HeaderBlock(body=start)
                yield Node(self.raw, head, stop, Structured("text/plain"), Structured(), _below(number, count))

    def _signed(self, part: Node, *, whole: bool) -> Node | None:
        """What lies readable inside an S/MIME envelope that only signs (RFC 8551, 3.5.2), beside that envelope."""
        if self.inside or not is_smime(part, whole=whole):
            return None
        content = signed_content(part.content)
        if content is None:
            return None
        below = Tree(content, self.limits, parts=self.parts, defects=self.defects, inside=True)
        inner = below.grow(read_headers(content, 0, len(content), self.limits), len(content), number=f"{part.number}a")
        self.parts = below.parts
        part.role = PartKind.SIGNATURE
        kind = Structured("multipart/signed")
        return Node(self.raw, part.block, part.end, kind, Structured(), part.number, [inner, part])

    @staticmethod
    def _readable(kind: Structured, default: str) -> Structured:
        return kind if TYPE.fullmatch(kind.value) else Structured(_mended(kind.value, default), kind.parameters)

    def _count(self, *, depth: int) -> None:
        self.parts += 1
        self.limits.allow_parts(self.parts)
        if depth > self.limits.depth:
            raise TooComplex(f"The parts of the mail are nested more than {self.limits.depth} deep.")


def is_smime(part: Node, *, whole: bool) -> bool:
    """The envelope of a mail, which some senders call a mere file; not a signed invoice with a name of its own.

    `whole` says that the mail has no other part.
    """
    name = (part.disposition.get("filename") or part.kind.get("name")).lower()
    if part.content_type in SMIME:
        return name in ("", SMIME_NAME) or whole
    return part.content_type == "application/octet-stream" and name == SMIME_NAME


def _below(number: str, count: int) -> str:
    return f"{number}.{count}" if number else str(count)


def _mended(value: str, default: str) -> str:
    """RFC 2045, 5.2: without a readable type it is plain text; `text` alone is what old programs wrote."""
    return {"": default, "text": "text/plain", "html": "text/html"}.get(value, "application/octet-stream")
