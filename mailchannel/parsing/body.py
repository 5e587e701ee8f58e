"""Which parts of a mail are its text, and what that text is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.charset import decode
from mailchannel.parsing.flowed import unflow
from mailchannel.parsing.header_block import read_headers
from mailchannel.parsing.html_text import html_to_text
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.structure import Node
from mailchannel.parsing.unpacking import take_files_out

PLAIN = "text/plain"
#: Simple markup, shown where a mail has no other text. The value says whether it has tags.
SIMPLE = {"text/enriched": True, "text/richtext": True, "text/markdown": False, "text/x-markdown": False}
HTML = "text/html"
STATUS = "message/delivery-status"
STATUS_FIELDS = frozenset("reporting-mta final-recipient original-recipient action status arrival-date".split())
META_CHARSET = re.compile(rb"<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?([a-z0-9_.:-]{1,40})", re.IGNORECASE)
META_STANDS_IN = 4_000  # bytes

#: A plain form shorter than this may be a mere hint to look at the other one.
LONGEST_HINT = 1_000
SPEAKS_OF_HTML = re.compile(r"\bhtml\b", re.IGNORECASE)
WORD = re.compile(r"\w{3,40}")
LONGEST_EMPTY = 4_000  # characters of HTML that may show nothing
SHOWS_SOMETHING = re.compile(r"<(img|svg|video|object|embed|input)\b", re.IGNORECASE)


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
    return as_body(list(_walk(root)) or list(_simple(root)), limits)


def as_body(pieces: list[Piece], limits: Limits = DEFAULT) -> Body:
    """HTML beyond the limit, of all pieces together, is shown but not turned into text."""
    texts: list[str] = []
    left = limits.html
    for piece in pieces:
        texts.append(_as_text(piece, replace(limits, html=left)))
        left = max(0, left - len(piece.html))
    rich = any(piece.html for piece in pieces)
    return Body("\n\n".join(filter(None, texts)), "\n".join(map(_as_html, pieces)) if rich else "")


def _walk(part: Node, *, first: bool = True, parent: str = "") -> Iterator[Piece]:
    if part.content_type == "multipart/alternative" and part.children:
        yield _alternative(part)
    elif part.children:
        start = _start(part)
        for child in part.children:
            yield from _walk(child, first=child is start, parent=part.content_type)
    elif _is_text(part, first=first, parent=parent):
        yield _piece(part)
    elif part.content_type.startswith("multipart/"):
        yield from _undivided(part)


def _simple(root: Node) -> Iterator[Piece]:
    for leaf in root.leaves():
        if leaf.content_type in SIMPLE and leaf.disposition.value != "attachment":
            piece = _piece(leaf)
            yield Piece(html_to_text(piece.plain)) if SIMPLE[leaf.content_type] else piece


def _start(part: Node) -> Node:
    """The part that the others belong to: the first one, unless a `start` names another (RFC 2387)."""
    wanted = part.kind.get("start").strip("<> ").encode("utf-8", "surrogateescape")
    named = (child for child in part.children if child.block.first("content-id").strip(b"<> \r\n") == wanted)
    return next(named, part.children[0]) if wanted else part.children[0]


def _alternative(part: Node) -> Piece:
    """One piece for the whole alternative. What no form of it could show stays a file."""
    forms = [piece for child in part.children for piece in _walk(child, parent=part.content_type)]
    for leaf in [leaf for leaf in part.leaves() if leaf.role is PartKind.BODY][1:]:
        leaf.role = PartKind.ALTERNATIVE
    plain = "\n\n".join(form.plain for form in forms if form.plain)
    return Piece(plain, "\n".join(form.html for form in forms if form.html))


def _is_text(part: Node, *, first: bool, parent: str) -> bool:
    """A text with a name, or one that another part refers to, is a file; so is one declared to be attached.

    A mail that is nothing but a nameless text is that text, whatever it declares.
    """
    if part.content_type == STATUS:
        return not part.disposition.value and _is_no_status(part)
    if part.content_type not in (PLAIN, HTML):
        return False
    named = part.disposition.get("filename") or part.kind.get("name")
    if part.disposition.value == "attachment":
        return not parent and not named
    return first or (parent != "multipart/related" and not named)


def _is_no_status(part: Node) -> bool:
    """Some servers call their explanation to people a status for programs, which has fields with set names."""
    content = part.content[:8_000]
    fields = read_headers(content, 0, len(content), DEFAULT).fields
    return bool(content.strip()) and STATUS_FIELDS.isdisjoint(name for name, _ in fields)


def _undivided(part: Node) -> Iterator[Piece]:
    """A multipart whose boundary never comes: all that stands in it is shown."""
    part.role = PartKind.BODY
    text = decode(part.content, part.kind.get("charset")).strip()
    if text:
        yield Piece(plain=text)


def _piece(part: Node) -> Piece:
    part.role = PartKind.BODY
    content = part.content
    if part.content_type == HTML:
        return Piece(html=_lines(decode(content, part.kind.get("charset") or _meta_charset(content))))
    text = _lines(decode(take_files_out(part, content), part.kind.get("charset")))
    if part.kind.get("format").lower() == "flowed":
        text = unflow(text, delete_space=part.kind.get("delsp").lower() == "yes")
    return Piece(plain=text.strip("\n"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _meta_charset(content: bytes) -> str:
    """What HTML says of itself counts where the mail says nothing. If it can be read so far, it is no UTF-16."""
    found = None if content.isascii() else META_CHARSET.search(content, 0, META_STANDS_IN)
    name = found[1].decode("ascii") if found else ""
    return "" if name.lower().startswith(("utf-16", "utf-32")) else name


def _as_text(piece: Piece, limits: Limits) -> str:
    if not piece.html or (piece.plain.strip() and not _may_be_a_hint(piece.plain)):
        return piece.plain
    shown = html_to_text(piece.html, limits)
    return shown if shown and (not piece.plain.strip() or _says_more(shown, piece.plain)) else piece.plain


def _may_be_a_hint(plain: str) -> bool:
    return len(plain) <= LONGEST_HINT and SPEAKS_OF_HTML.search(plain) is not None


def _says_more(shown: str, plain: str) -> bool:
    """The plain form is a mere hint to look at the HTML if that says much more, and something else."""
    said, known = set(WORD.findall(plain.lower())), set(WORD.findall(shown.lower()))
    return len(known) > 2 * len(said) > 4 * len(said & known)


def _as_html(piece: Piece) -> str:
    if piece.html and not (piece.plain.strip() and _shows_nothing(piece.html)):
        return piece.html
    return f"<pre>{html.escape(piece.plain)}</pre>"


def _shows_nothing(source: str) -> bool:
    """The HTML beside a plain text may be an empty page."""
    return len(source) <= LONGEST_EMPTY and SHOWS_SOMETHING.search(source) is None and not html_to_text(source).strip()
