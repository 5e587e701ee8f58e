"""HTML to readable text in one pass, whatever the HTML.

A layout engine for text (tables drawn as columns) would be nicer to look at and twenty times slower. People are shown
the HTML itself; this text is for searching, mapping and finding the new words of a reply.
"""

from __future__ import annotations

import html
import re
from typing import TypeVar

from mailchannel.parsing.charset import storable
from mailchannel.parsing.html_tags import attribute, may_hide, pieces
from mailchannel.parsing.limits import DEFAULT, Limits

LINES = frozenset(
    "address article aside body center dd div dl dt fieldset figure footer form header hr li main nav section tbody"
    " tfoot thead title tr".split()
)
PARAGRAPHS = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())
CELLS = ("td", "th")
SPACES = re.compile(r"[ \t\r\n\f]+")
MANY_LINES = re.compile(r"\n{3,}")
LOOKS_LIKE_ADDRESS = re.compile(r"https?://|www\.|[^\s@]{1,80}@[^\s@]{1,80}$", re.IGNORECASE)
FILE_NAME = re.compile(r"\S*\.\w{2,5}$")
DEEPEST_QUOTE = 9
DEEPEST_LIST = 5
LONGEST_LINK = 300  # characters; longer ones are there to count clicks


class Writer:
    """Collects the text; block elements only wish for line breaks, so that ten closing `div`s make one."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.wanted = 0  # line breaks before the next text
        self.lines = 0  # line breaks written
        self.quotes = 0  # how many quotes we are inside of
        self.verbatim = 0
        self.fresh = False  # in a cell or item without text yet: its first paragraph begins where we are
        self.lists: list[int] = []  # the number of the last item; -1 where items have none
        self.rows: list[int] = []  # per table: the line on which its row began, -1 when it is still empty
        self.link = ("", 0)  # the address of an open link and where its words begin

    def text(self, raw: str) -> None:
        content = html.unescape(raw) if "&" in raw else raw
        if self.verbatim:
            content = MANY_LINES.sub("\n\n", content)  # before each of them gets its quote marks
            self.lines += content.count("\n")
            self.write(content.replace("\n", "\n" + "> " * self.quotes))
            return
        content = SPACES.sub(" ", content)
        if self.wanted or self.fresh or not self.pieces or self.pieces[-1].endswith(" "):
            content = content.lstrip(" ")
        if content:
            self.write(content)

    def write(self, content: str) -> None:
        if self.wanted:
            prefix = "> " * self.quotes
            self.pieces.append(f"\n{prefix}" * self.wanted if self.pieces else prefix)
            self.lines += self.wanted
            self.wanted = 0
        self.fresh = False
        if self.rows and self.rows[-1] < 0:
            self.rows[-1] = self.lines
        self.pieces.append(content)

    def tag(self, name: str, source: str) -> None:
        closing = name.startswith("/")
        name = name.lstrip("/")
        if name == "br":
            self.wanted = min(self.wanted + 1, 2)
        elif name in CELLS:
            self._cell(closing=closing)
        elif name == "a":
            self._link("" if closing else source)
        elif name == "img":
            self._image(attribute(source, "alt").strip())
        elif name in LINES or name in PARAGRAPHS:
            self._block(name, source, closing=closing)

    def _block(self, name: str, source: str, *, closing: bool) -> None:
        inner = len(self.lists) > closing and name in ("ul", "ol")
        if not self.fresh or closing:
            self.wanted = 2 if name in PARAGRAPHS and not inner else max(self.wanted, 1)
        if name == "blockquote":
            self.quotes = min(max(self.quotes + (-1 if closing else 1), 0), DEEPEST_QUOTE)
        elif name == "pre":
            self.verbatim = max(self.verbatim + (-1 if closing else 1), 0)
        elif name in ("ul", "ol"):
            self._list(source if name == "ol" else "", closing=closing)
        elif name == "li" and not closing:
            self._item()
        elif name in ("table", "tr"):
            self._table(name, closing=closing)

    def _list(self, ordered: str, *, closing: bool) -> None:
        self.fresh = False
        if not closing:
            start = attribute(ordered, "start")
            self.lists.append((int(start[:6]) - 1 if start[:6].isdecimal() else 0) if ordered else -1)
        elif self.lists:
            self.lists.pop()

    def _item(self) -> None:
        mark = "- "
        if self.lists and self.lists[-1] >= 0:
            self.lists[-1] += 1
            mark = f"{self.lists[-1]}. "
        self.wanted = max(self.wanted, 1) if self.pieces else self.wanted
        self.write("  " * min(len(self.lists) - 1, DEEPEST_LIST) + mark)
        self.fresh = True

    def _table(self, name: str, *, closing: bool) -> None:
        if name == "table" and not closing:
            self.rows.append(-1)
        elif name == "table" and self.rows:
            began = self.rows.pop()
            if self.rows and self.rows[-1] < 0:
                self.rows[-1] = began
        elif self.rows and not closing:
            self.rows[-1] = -1

    def _cell(self, *, closing: bool) -> None:
        """Cells of one line stand side by side, whatever paragraphs they are wrapped in."""
        if closing:
            return
        row = self.rows[-1] if self.rows else self.lines
        if row == self.lines:
            self.wanted = 0 if self.rows else self.wanted
            self.text(" ")
        elif row >= 0:
            self.wanted = max(self.wanted, 1)
        self.fresh = True

    def _link(self, source: str) -> None:
        address, begins = self.link
        words = "".join(self.pieces[begins:]).strip() if address else ""
        self.link = (attribute(source, "href").strip() if source else "", len(self.pieces))
        if words and not LOOKS_LIKE_ADDRESS.match(words):
            self.write(f" <{address}>")
        if not self.link[0].lower().startswith(("http://", "https://")) or len(self.link[0]) > LONGEST_LINK:
            self.link = ("", 0)

    def _image(self, words: str) -> None:
        if words and not FILE_NAME.match(words):
            spoken = any(character.isalnum() for character in words)
            self.text(html.escape(f"[{words}]" if spoken else words))


WriterType = TypeVar("WriterType", bound=Writer)


def write_all(writer: WriterType, source: str, *, hidden: bool = False) -> WriterType:
    for text, name, tag in pieces(source, hidden=hidden):
        if text:
            writer.text(text)
        if name:
            writer.tag(name, tag)
    return writer


def html_to_text(source: str, limits: Limits = DEFAULT) -> str:
    """Never raises; quoted blocks are marked with `>` as in plain text."""
    source = source[: limits.html]
    text = "".join(write_all(Writer(), source).pieces)
    if may_hide(source) and not any(character.isalnum() for character in text):
        text = "".join(write_all(Writer(), source, hidden=True).pieces)  # better too much than nothing
    return storable(tidy(text))


def tidy(text: str) -> str:
    """Without spaces at the ends of lines and without more than one empty line."""
    return MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")
