"""Which parts of a mail are its text, and what that text is."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from mailchannel.parsing.charset import decode
from mailchannel.parsing.flowed import unflow
from mailchannel.parsing.html_text import html_to_text
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.structure import Part

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
    rest: tuple[Part, ...]  # everything that is not text


def read_body(root: Part, limits: Limits = DEFAULT) -> Body:
    """All parts a mail program shows one below the other; of alternatives, each form once (RFC 8621, 4.1.4)."""
    texts: list[Piece] = []
    rest: list[Part] = []
    for found in _walk(root):
        if isinstance(found, Piece):
            texts.append(found)
        else:
            rest.append(found)
    text = "\n\n".join(filter(None, (_as_text(piece, limits) for piece in texts)))
    rich = any(piece.html for piece in texts)
    return Body(text, "\n".join(_as_html(piece) for piece in texts) if rich else "", tuple(rest))


def _walk(part: Part, *, first: bool = True, parent: str = "") -> Iterator[Piece | Part]:
    if part.content_type == "multipart/alternative" and part.children:
        yield from _alternative(part)
    elif part.children:
        for number, child in enumerate(part.children):
            yield from _walk(child, first=number == 0, parent=part.content_type)
    elif _is_text(part, first=first, parent=parent):
        yield _piece(part)
    elif part.content_type.startswith("multipart/"):
        yield from _undivided(part)
    else:
        yield part


def _alternative(part: Part) -> Iterator[Piece | Part]:
    """One piece for the whole alternative, then what no form of it could show."""
    plain: list[str] = []
    rich: list[str] = []
    rest: list[Part] = []
    for child in part.children:
        for found in _walk(child, parent=part.content_type):
            if isinstance(found, Piece):
                plain += filter(None, [found.plain])
                rich += filter(None, [found.html])
            else:
                rest.append(found)
    yield Piece("\n\n".join(plain), "\n".join(rich))
    yield from rest


def _is_text(part: Part, *, first: bool, parent: str) -> bool:
    """A text with a name, or one that another part refers to, is a file."""
    if part.content_type not in TEXTS or part.disposition.value == "attachment":
        return False
    named = part.disposition.get("filename") or part.kind.get("name")
    return first or (parent != "multipart/related" and not named)


def _undivided(part: Part) -> Iterator[Piece]:
    """A multipart whose boundary never comes: all that stands in it is shown."""
    text = decode(part.content, part.kind.get("charset")).strip()
    if text:
        yield Piece(plain=text)


def _piece(part: Part) -> Piece:
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
