"""What a style attribute from outside may say. Only known properties with plain values come out.

Nothing is unescaped or mended: a declaration that holds a backslash, an unknown function, a block or half a string is
dropped as a whole. What is left cannot fetch, whatever a browser makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tinycss2.color3 import RGBA, parse_color

from tickets import html_policy as policy

_VALUE = re.compile(
    r"""(?:(?:rgb|hsl)a?\([\d.,%/\s]*\) | [\w\s.,%+/#-] | "[\w\s.,&+-]*" | '[\w\s.,&+-]*')++""",
    re.VERBOSE | re.IGNORECASE,
)
_PICTURE = re.compile(r"url\([^()]*\)", re.IGNORECASE)
_BARE_COLOUR = re.compile(r"[0-9a-f]{6}", re.IGNORECASE)
_COLOUR = re.compile(r"(?:rgb|hsl)a?\([\d.,%/\s]*\)|#[0-9a-f]{3,8}|(?<![\w-])[a-z]+(?![\w-])", re.IGNORECASE)

#: Of a background that could be its colour; a shorthand has less than a dozen.
_MOST_WORDS = 20


@lru_cache(maxsize=1000)  # most mails repeat a handful of styles on every paragraph
def safe_style(style: str) -> str:
    return "; ".join(f"{name}: {value}" for name, value in _declarations(style))


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in _without_comments(style[: policy.MAX_STYLE]).split(";", policy.MAX_DECLARATIONS):
        name, _, rest = declaration.partition(":")
        name, value = name.strip().lower(), rest.partition("!")[0].strip()
        if name == "background":
            name, value = "background-color", _colour_of(value)
        if name in policy.CSS_PROPERTIES and len(value) <= policy.MAX_CSS_VALUE and _VALUE.fullmatch(value):
            yield name, policy.CSS_REPLACED.get((name, value.lower()), value)


def from_attribute(colour: str) -> str:
    """As a style has to write it: attributes may leave out the #, and browsers read them nevertheless."""
    return f"#{colour}" if _BARE_COLOUR.fullmatch(colour) else colour


def _without_comments(style: str) -> str:
    before, *behind = style.split("/*")
    return before + "".join(each.partition("*/")[2] for each in behind)


def _colour_of(background: str) -> str:
    """The shorthand's colour; its picture is not loaded, and light text would be left on white paper."""
    words = _PICTURE.sub(" ", background[: policy.MAX_CSS_VALUE])
    first = _COLOUR.findall(words)[:_MOST_WORDS]
    return next((each for each in first if isinstance(parse_color(each), RGBA)), "")
