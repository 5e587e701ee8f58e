"""How tall the frame of a mail should be before anybody has seen it.

A frame without an origin cannot be measured from outside, and nothing inside it may run. So the lines are counted.
"""

from __future__ import annotations

import math
import re

_FOLDED = re.compile(r"<details><summary>(.*?)</summary>.*?</details>", re.DOTALL)
_BREAK = re.compile(
    r"<(br|hr|/?(?:p|div|li|tr|h[1-6]|blockquote|pre|ul|ol|dl|dt|dd|table|center|summary)|img)\b([^>]*)>"
)
_TAG = re.compile(r"<[^>]*>")
_HEIGHT = re.compile(r'\bheight="(\d{1,4})"')

_LINE = 23
_LETTERS = 72  # of a line, beside the lists on an ordinary screen
_PADDING = 40
_LEAST = 72
_GAPS = {"p": 15, "h1": 44, "h2": 34, "h3": 28, "blockquote": 16, "pre": 15, "/ul": 15, "/ol": 15, "/tr": 12, "hr": 17}
_PICTURE = 150
_TALLEST_PICTURE = 500


def likely_height(clean_html: str) -> int:
    """Pixels. Readers can drag the frame taller."""
    pieces = _BREAK.split(_FOLDED.sub(r"<p>\1</p>", clean_html))
    height, verbatim = _PADDING, False
    for words, tag, attributes in zip(pieces[::3], [*pieces[1::3], ""], [*pieces[2::3], ""], strict=True):
        lines = _lines(_TAG.sub("", words), verbatim=verbatim)
        height += _LINE * (lines or tag == "br") + _gap(tag, attributes)
        verbatim = tag == "pre" or (verbatim and tag != "/pre")
    return max(height, _LEAST)


def _lines(words: str, *, verbatim: bool) -> int:
    rows = words.strip("\n").split("\n") if verbatim else [" ".join(words.split())]
    return sum(math.ceil(len(row) / _LETTERS) for row in rows)


def _gap(tag: str, attributes: str) -> int:
    if tag == "img":
        return _picture(attributes)
    return 0 if "margin: 0" in attributes else _GAPS.get(tag, 0)


def _picture(attributes: str) -> int:
    """One from the internet is most likely not shown."""
    if "data-" not in attributes or "data-remote-src" in attributes:
        return 0
    told = _HEIGHT.search(attributes)
    return min(int(told[1]), _TALLEST_PICTURE) if told else _PICTURE
