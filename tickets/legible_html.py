"""Text of a mail whose colour would not stand out from its ground gets one that does.

Grounds get lost on the way: background pictures are never loaded, and style sheets are dropped while the colours
beside them stay. White words on white paper would be lost words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree
from tinycss2.color3 import RGBA, parse_color

from tickets.safe_css import from_attribute

#: Contrast as WCAG 2 counts it; 1 is invisible. Pale print is the sender's taste, unreadable print is not.
LEAST_CONTRAST = 1.5
#: For the colours our own style sheet brings.
LEAST_OWN_CONTRAST = 4.5

_PAPER = 1.0
_INK = 0.013
#: What the frame's own style sheet makes of these, see framing.
_OWN_INK = {"a": 0.117, "blockquote": 0.102, "summary": 0.102}
_DARK, _LIGHT = "#1c1f1e", "#ffffff"
_DECLARED = re.compile(r"(?<![-\w])(color|background-color): ([^;]{1,40})")


def keep_legible(root: etree._Element) -> None:
    """Expects styles as safe_css writes them."""
    pending = [(root, _INK, _PAPER)]
    while pending:
        element, ink, paper = pending.pop()
        ink, paper, least = _colours(element, ink, paper)
        if _contrast(ink, paper) < least:
            ink = _repaint(element, paper)
        pending.extend((child, ink, paper) for child in element)


def _colours(element: etree._Element, ink: float, paper: float) -> tuple[float, float, float]:
    """How bright the element's text and its ground are, and how far apart they have to be."""
    style = dict(_DECLARED.findall(element.get("style", "")))
    papers = (style.get("background-color", ""), from_attribute(element.get("bgcolor", "")))
    told = _first_known((style.get("color", ""), from_attribute(element.get("color", ""))))
    own = _OWN_INK.get(element.tag) if told is None else None
    paper = _or(_first_known(papers), paper)
    return _or(told, _or(own, ink)), paper, LEAST_CONTRAST if own is None else LEAST_OWN_CONTRAST


def _first_known(colours: tuple[str, ...]) -> float | None:
    known = (brightness for colour in colours if colour and (brightness := _brightness(colour)) is not None)
    return next(known, None)


def _or(told: float | None, otherwise: float) -> float:
    return otherwise if told is None else told


@lru_cache(maxsize=1000)
def _brightness(colour: str) -> float | None:
    """Relative luminance, 0 to 1; None for what is no colour or hardly covers anything."""
    parsed = parse_color(colour)
    if not isinstance(parsed, RGBA) or parsed.alpha < 0.5:
        return None
    red, green, blue = (_linear(min(max(each, 0), 1)) for each in parsed[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _repaint(element: etree._Element, paper: float) -> float:
    colour = _DARK if paper > 0.18 else _LIGHT
    style = element.get("style")
    element.set("style", f"{style}; color: {colour}" if style else f"color: {colour}")
    return _brightness(colour) or 0.0
