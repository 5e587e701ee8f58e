"""Which parts of a mail are its text, and what that text is."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.charset import decode
from mailchannel.parsing.flowed import unflow
from mailchannel.parsing.html_text import html_to_text
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.structure import Node

TEXTS = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of the body, in the forms in which it was sent."""

    plain: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    text: str
    html: str


def read_body(root: Node, limits: Limits = DEFAULT) -> Body:
    """All parts a mail program shows one below the other; of alternatives, each form once (RFC 8621, 4.1.4).

    Marks the parts it used with their role.
    """
    texts = list(_walk(root))
    text = "\n\n".join(filter(None, (_as_text(piece, limits) for piece in texts)))
    rich = any(piece.html for piece in texts)
    return Body(text, "\n".join(_as_html(piece) for piece in texts) if rich else "")


def _walk(part: Node, *, first: bool = True, parent: str = "") -> Iterator[Piece]:
    if part.content_type == "multipart/alternative" and part.children:
        yield _alternative(part)
    elif part.children:
        for number, child in enumerate(part.children):
            yield from _walk(child, first=number == 0, parent=part.content_type)
    elif _is_text(part, first=first, parent=parent):
        yield _piece(part)
    elif part.content_type.startswith("multipart/"):
        yield from _undivided(part)


def _alternative(part: Node) -> Piece:
    """One piece for the whole alternative. What no form of it could show stays a file."""
    forms = [piece for child in part.children for piece in _walk(child, parent=part.content_type)]
    for leaf in [leaf for leaf in part.leaves() if leaf.role is PartKind.BODY][1:]:
        leaf.role = PartKind.ALTERNATIVE
    plain = "\n\n".join(form.plain for form in forms if form.plain)
    return Piece(plain, "\n".join(form.html for form in forms if form.html))


def _is_text(part: Node, *, first: bool, parent: str) -> bool:
    """A text with a name, or one that another part refers to, is a file."""
    if part.content_type not in TEXTS or part.disposition.value == "attachment":
        return False
    named = part.disposition.get("filename") or part.kind.get("name")
    return first or (parent != "multipart/related" and not named)


def _undivided(part: Node) -> Iterator[Piece]:
    """A multipart whose boundary never comes: all that stands in it is shown."""
    part.role = PartKind.BODY
    text = decode(part.content, part.kind.get("charset")).strip()
    if text:
        yield Piece(plain=text)


def _piece(part: Node) -> Piece:
    part.role = PartKind.BODY
    text = decode(part.content, part.kind.get("charset")).replace("\r\n", "\n").replace("\r", "\n")
    if part.content_type == "text/html":
        return Piece(html=text)
    if part.kind.get("format").lower() == "flowed":
        text = unflow(text, delete_space=part.kind.get("delsp").lower() == "yes")
    return Piece(plain=text.strip("\n"))


def _as_text(piece: Piece, limits: Limits) -> str:
    return piece.plain if piece.plain.strip() or not piece.html else html_to_text(piece.html, limits)


def _as_html(piece: Piece) -> str:
    return piece.html or f"<pre>{html.escape(piece.plain)}</pre>"
