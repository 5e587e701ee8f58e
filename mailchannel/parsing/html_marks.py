"""Where in the text of an HTML mail the containers begin and end that tell something about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailchannel.parsing.charset import storable
from mailchannel.parsing.html_containers import Role, blockquote_role, role
from mailchannel.parsing.html_text import Writer, tidy, write_all

#: Stands in the text while it is written. No mail can hold one: NUL is taken out before.
MARK = re.compile("\0(.)(.)")
OPENS, CLOSES = "(", ")"
MOST = 100  # containers looked for in one mail; mail programs write one or two


@dataclass(slots=True)
class Span:
    """The lines of one container, from `start` up to, not including, `end`."""

    role: Role
    start: int
    end: int


def marked_lines(source: str, words: tuple[str, ...]) -> tuple[list[str], list[Span]]:
    """The lines as `html_to_text` writes them, and the containers among them in the order of their beginnings.

    `words` are the `telling_words` of this HTML.
    """
    text = tidy("".join(write_all(_Marker(words), source.replace("\0", "")).pieces))
    return _spans(text.split("\n"))


def _spans(marked: list[str]) -> tuple[list[str], list[Span]]:
    lines: list[str] = []
    spans: list[Span] = []
    unclosed: dict[str, list[Span]] = {}
    for number, line in enumerate(marked):
        for edge, kind in MARK.findall(line) if "\0" in line else ():
            if edge == OPENS:
                spans.append(Span(Role(kind), number, len(marked)))
                unclosed.setdefault(kind, []).append(spans[-1])
            elif unclosed.get(kind):
                unclosed[kind].pop().end = number + 1
        lines.append(storable(MARK.sub("", line).rstrip()) if "\0" in line else storable(line))
    return lines, spans


class _Marker(Writer):
    """Leaves a mark in the text wherever a container of interest opens or closes."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self.words = words
        self.left = MOST  # containers still looked for
        self.open: list[tuple[str, Role, int]] = []  # tag, role, how many of these tags are open inside
        self.waiting: list[Role] = []  # containers without text yet

    def write(self, content: str) -> None:
        if self.waiting and content.strip():
            super().write("".join(f"\0{OPENS}{opened}" for opened in self.waiting))
            self.waiting.clear()
        super().write(content)

    def tag(self, name: str, source: str) -> None:
        if name.startswith("/"):
            super().tag(name, source)
            self._closed(name[1:])
            return
        found = self._role(name, source) if self.left else None
        if self.open and self.open[-1][0] == name:
            tag, inside, depth = self.open[-1]
            self.open[-1] = (tag, inside, depth + 1)
        if found:
            self._opened(name, found)
        super().tag(name, source)

    def _role(self, name: str, source: str) -> Role | None:
        return blockquote_role(source, self.quotes) if name == "blockquote" else role(name, source, self.words)

    def _opened(self, name: str, found: Role) -> None:
        self.wanted = max(self.wanted, 1)
        self.fresh = False
        self.left -= 1
        self.waiting.append(found)
        if name != "hr":
            self.open.append((name, found, 0))

    def _closed(self, name: str) -> None:
        if not self.open or self.open[-1][0] != name:
            return
        tag, found, depth = self.open[-1]
        if depth:
            self.open[-1] = (tag, found, depth - 1)
            return
        self.open.pop()
        if found in self.waiting and found is not Role.REST:
            self.waiting.remove(found)  # it was empty
        elif found is not Role.REST:
            self.pieces.append(f"\0{CLOSES}{found}")
        self.wanted = max(self.wanted, 1)
