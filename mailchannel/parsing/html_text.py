"""HTML to readable text in one pass, whatever the HTML.

A layout engine for text (tables drawn as columns) would be nicer to look at and twenty times slower. People are shown
the HTML itself; this text is for searching, mapping and finding the new words of a reply.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from mailchannel.parsing.charset import storable
from mailchannel.parsing.limits import DEFAULT, Limits

LINES = frozenset(
    "address article aside body center dd div dl dt fieldset figure footer form header hr li main nav section tbody"
    " tfoot thead title tr".split()
)
PARAGRAPHS = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())
CELLS = ("td", "th")
#: Their content is not for people; it ends with their own closing tag and nothing else.
SILENT = frozenset("script style title noscript template".split())
#: Where markup begins: a tag with its name, a comment or a declaration. Any other `<` is text.
MARKUP = re.compile(r"<(?:(/?[a-zA-Z][^\s/>]{0,30})|[!?])")
SPACES = re.compile(r"[ \t\r\n\f]+")
MANY_LINES = re.compile(r"\n{3,}")
DEEPEST_QUOTE = 9
QUOTED_GREATER = 5  # so many `>` inside one attribute are believed


class _Writer:
    """Collects the text; block elements only wish for line breaks, so that ten closing `div`s make one."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.wanted = 0  # line breaks before the next text
        self.quotes = 0  # how many quotes we are inside of
        self.verbatim = 0

    def text(self, raw: str) -> None:
        content = html.unescape(raw) if "&" in raw else raw
        if self.verbatim:
            self._write(content.replace("\n", "\n" + "> " * self.quotes))
            return
        content = SPACES.sub(" ", content)
        if self.wanted or not self.pieces or self.pieces[-1].endswith(" "):
            content = content.lstrip(" ")
        if content:
            self._write(content)

    def _write(self, content: str) -> None:
        if self.wanted:
            prefix = "> " * self.quotes
            self.pieces.append(f"\n{prefix}" * self.wanted if self.pieces else prefix)
            self.wanted = 0
        self.pieces.append(content)

    def tag(self, name: str, *, closing: bool) -> None:
        if name == "br":
            self.wanted = min(self.wanted + 1, 2)
        elif name in CELLS:
            self.text("" if closing else " ")
        elif name in LINES:
            self.wanted = max(self.wanted, 1)
        elif name in PARAGRAPHS:
            self.wanted = 2
        self._nesting(name, -1 if closing else 1)
        if name == "li" and not closing:
            self._write("- ")

    def _nesting(self, name: str, change: int) -> None:
        if name == "blockquote":
            self.quotes = min(max(self.quotes + change, 0), DEEPEST_QUOTE)
        elif name == "pre":
            self.verbatim = max(self.verbatim + change, 0)


def html_to_text(source: str, limits: Limits = DEFAULT) -> str:
    """Never raises; quoted blocks are marked with `>` as in plain text."""
    writer = _Writer()
    for text, name in _pieces(source[: limits.html]):
        if text:
            writer.text(text)
        if name:
            writer.tag(name.lstrip("/").lower(), closing=name.startswith("/"))
    text = "\n".join(line.rstrip() for line in "".join(writer.pieces).split("\n"))
    return storable(MANY_LINES.sub("\n\n", text).strip("\n"))


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """(text, name of the tag behind it); a closing tag keeps its slash."""
    at = 0
    unclosed: set[str] = set()  # found once to have no end, they are not searched again
    while (markup := MARKUP.search(source, at)) is not None:
        name = markup[1] or ""
        yield source[at : markup.start()], name
        at = _after(source, markup.start(), name.lower(), unclosed)
    yield source[at:], ""


def _after(source: str, opening: int, name: str, unclosed: set[str]) -> int:
    """Where the text goes on behind the markup that begins here."""
    if source.startswith("<!--", opening):
        return _past(source, "-->", opening + 4)
    end = _end_of_tag(source, opening)
    if name in SILENT and name not in unclosed and source[end - 2 : end] != "/>":
        closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(source, end)
        if closing:
            return closing.end()
        unclosed.add(name)
    return end


def _end_of_tag(source: str, opening: int) -> int:
    """Behind the `>` of a tag; one inside a quoted attribute is not it."""
    end = opening
    for _ in range(QUOTED_GREATER):
        end = _past(source, ">", end)
        inside = source[opening:end]
        if inside.count('"') % 2 == 0 or end == len(source):
            return end
    return _past(source, ">", opening)


def _past(source: str, mark: str, start: int) -> int:
    found = source.find(mark, start)
    return len(source) if found < 0 else found + len(mark)
