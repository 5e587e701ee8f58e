"""`attachment; filename="a.pdf"` taken apart, with the continuations and charsets of RFC 2231."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from mailchannel.parsing.charset import codec_name, decode
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.words import decode_words, unfold

SECTION = re.compile(r"([^*]+)\*?(\d{1,3})?(\*?)$")
#: The charset of RFC 2231 before a value whose name lacks the star that announces it.
ANNOUNCED = re.compile(r"([A-Za-z0-9_-]{1,40})'[A-Za-z-]{0,20}'(?=.*%[0-9A-Fa-f]{2})")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
LONGEST_ANNOUNCED = 1_000
ESCAPED = re.compile(r"\\([\"\\])")


#: What this package asks for. A hostile header has hundreds of others, to be decoded from hundreds of charsets.
ASKED = frozenset("boundary charset delsp filename format name smime-type start".split())


@dataclass(frozen=True, slots=True)
class Structured:
    """A header with the ASKED parameters, in lower case; of a name that occurs twice the first one counts."""

    value: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def structured(raw: bytes, limits: Limits = DEFAULT) -> Structured:
    """Content-Type, Content-Disposition and their like; never raises."""
    value, *rest = _split(unfold(raw), limits.parameters)
    value, *forgotten = value.partition("(")[0].split(None, 1) or [""]  # some forget the first semicolon
    if "=" in value:  # or the value before it
        value, forgotten = "", [" ".join([value, *forgotten])]
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for item in (*forgotten, *rest):
        name, equals, text = item.partition("=")
        name = name.strip().lower()
        named = SECTION.fullmatch(name)
        if not equals or named is None or named[1] not in ASKED:
            continue
        if "*" in name:
            encoded = bool(named[3] or not named[2])
            sections.setdefault(named[1], {}).setdefault(int(named[2] or 0), (_unquote(text), encoded))
        else:
            plain.setdefault(name, _whole(_unquote(text), limits))
    for name, found in sections.items():
        plain[name] = decode_words(_joined(found), limits)
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
    """A quoted value ends with its quotes, whatever follows; quotes inside of quotes are common and harmless."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return ESCAPED.sub(r"\1", text[1:-1])
    quoted = QUOTED.match(text)
    return ESCAPED.sub(r"\1", quoted[1]) if quoted else text.strip('"')


def _whole(text: str, limits: Limits) -> str:
    """The value of a parameter that did not come in sections."""
    announced = ANNOUNCED.match(text[:LONGEST_ANNOUNCED])
    if announced and codec_name(announced[1]):
        return decode(unquote_to_bytes(text[announced.end() :]), announced[1])
    return decode_words(text, limits)


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """`name*0*=utf-8''%e2…; name*1=…` in order; the charset stands in the first section only."""
    charset, content = "", b""
    for index in sorted(sections):
        text, encoded = sections[index]
        if encoded and index == min(sections):
            charset, text = _charset_of(text)
        content += unquote_to_bytes(text) if encoded else text.encode("utf-8", "surrogateescape")
    return decode(content, charset)


def _charset_of(text: str) -> tuple[str, str]:
    """(charset, the rest); the language between the two apostrophes may be missing with one of them."""
    if text.count("'") >= 2:
        charset, _, rest = text.split("'", 2)
        return charset, rest
    charset, apostrophe, rest = text.partition("'")
    return (charset, rest) if apostrophe and codec_name(charset) else ("", text)
