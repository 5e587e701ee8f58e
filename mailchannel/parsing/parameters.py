"""`attachment; filename="a.pdf"` taken apart, with the continuations and charsets of RFC 2231."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from mailchannel.parsing.charset import decode
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.words import decode_words, unfold

SECTION = re.compile(r"([^*]+)\*?(\d{1,3})?(\*?)$")
ESCAPED = re.compile(r"\\([\"\\])")


@dataclass(frozen=True, slots=True)
class Structured:
    """A header with parameters. Names are in lower case; of a name that occurs twice the first one counts."""

    value: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def structured(raw: bytes, limits: Limits = DEFAULT) -> Structured:
    """Content-Type, Content-Disposition and their like; never raises."""
    value, *rest = _split(unfold(raw), limits.parameters)
    value, *forgotten = value.partition("(")[0].split(None, 1) or [""]  # some forget the first semicolon
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for item in (*forgotten, *rest):
        name, equals, text = item.partition("=")
        name = name.strip().lower()
        named = SECTION.fullmatch(name)
        if not equals or named is None:
            continue
        if "*" in name:
            encoded = bool(named[3] or not named[2])
            sections.setdefault(named[1], {}).setdefault(int(named[2] or 0), (_unquote(text), encoded))
        else:
            plain.setdefault(name, decode_words(_unquote(text), limits))
    for name, found in sections.items():
        plain[name] = _joined(found)
    return Structured(value.lower(), plain)


def _split(text: str, most: int) -> list[str]:
    """Cuts at semicolons outside quotes."""
    if '"' not in text:
        return text.split(";", most)
    items, start, quoted = [], 0, False
    for at, character in enumerate(text):
        if character == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif character == ";" and not quoted:
            items.append(text[start:at])
            start = at + 1
            if len(items) > most:
                return items
    return [*items, text[start:]]


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return ESCAPED.sub(r"\1", text[1:-1])
    return text.strip('"')


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """`name*0*=utf-8''%e2…; name*1=…` in order; the charset stands in the first section only."""
    charset, content = "", b""
    for index in sorted(sections):
        text, encoded = sections[index]
        if encoded and index == min(sections) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        content += unquote_to_bytes(text) if encoded else text.encode("utf-8", "surrogateescape")
    return decode(content, charset)
