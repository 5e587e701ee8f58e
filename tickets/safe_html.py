"""The one way HTML from outside reaches a page: libxml2 tidies and limits it, bleach cleans it, a last look closes it.

What comes out loads nothing by itself; `framed` decides which pictures a reader gets to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bleach.css_sanitizer import CSSSanitizer
from bleach.html5lib_shim import Filter  # type: ignore[attr-defined]
from bleach.sanitizer import Cleaner

from tickets import html_policy as policy
from tickets.safe_css import safe_style
from tickets.tidy_html import TooBig, tidy

__all__ = ["POLICY_VERSION", "TooBig", "clean"]

#: Raise it whenever the output changes; what was cleaned under an older policy is cleaned again when it is next shown.
POLICY_VERSION = 3

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0]+")


def clean(html: str) -> str:
    """Raises TooBig. An empty result means that nothing of it can be shown."""
    return _cleaner().clean(tidy(html)).strip()


class _SafeCSS(CSSSanitizer):
    def sanitize_css(self, style: str) -> str:
        return safe_style(style)


class _LastLook(Filter):  # type: ignore[misc]
    """Runs over what bleach let through, as a second opinion on everything that leads out of the page."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for token in Filter.__iter__(self):
            if token["type"] in ("StartTag", "EmptyTag"):
                token["data"] = _closed(token["name"], token["data"])
            yield token


def _closed(tag: str, attributes: dict[tuple[Any, str], str]) -> dict[tuple[Any, str], str]:
    if tag == "a":
        return _closed_link(attributes)
    if tag == "img":  # the source first: framing looks for it right after the tag's name
        sources = {key: value for key, value in attributes.items() if key[1] in policy.IMAGE_SOURCES}
        return {**sources, **attributes}
    return {key: value for key, value in attributes.items() if value or key[1] != "style"}


def _closed_link(attributes: dict[tuple[Any, str], str]) -> dict[tuple[Any, str], str]:
    target = attributes.pop((None, "href"), "")
    if not _leads_outside(target):
        return attributes
    ours = {"href": target.strip(), "rel": "noopener noreferrer nofollow", "target": "_blank"}
    return {**attributes, **{(None, name): value for name, value in ours.items()}}


def _leads_outside(target: str) -> bool:
    """A full address with a scheme we know. A relative one would lead to a page of ours and look like our own."""
    try:
        parts = urlsplit(_UNPRINTABLE.sub("", target))
    except ValueError:
        return False
    return parts.scheme in policy.LINK_SCHEMES and bool(parts.netloc or parts.scheme == "mailto")


def _cleaner() -> Cleaner:
    """A new one each time: its parser has a state, and two readers at once would get each other's mail."""
    return Cleaner(
        tags=policy.TAGS,
        attributes=policy.ATTRIBUTES,
        protocols=policy.LINK_SCHEMES,
        strip=True,
        strip_comments=True,
        filters=[_LastLook],
        css_sanitizer=_SafeCSS(),
    )
