"""HTML from outside, limited and tidied by libxml2 before bleach sees it.

libxml2 comes first because every HTML5 parser can be made to take minutes over a small mail, and libxml2 cannot.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import quote

from lxml import etree
from lxml import html as lxml_html

from tickets import html_policy as policy
from tickets.legible_html import keep_legible
from tickets.quoted_html import fold_quotes
from tickets.safe_css import from_attribute, safe_style

#: `mso-hide: all` is no sign: it hides from Word the button that everybody else is to see.
_HIDDEN = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.IGNORECASE)
_EMBEDDED = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_QUOTED_VALUE = re.compile(r"=\s{0,9}[\"']")
_TAG = re.compile(r"<[a-zA-Z][^>]*")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML has no place for them
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0]+")
_SAFE_IN_URL = "!#$%&'()*+,/:;=?@[]~-._"


class TooBig(Exception):
    """Showing this HTML would cost too much. Show the text instead and say so."""


def tidy(html: str) -> str:
    """One <div> of known elements, or nothing. Raises TooBig."""
    _weigh(html)
    body = _parse(html)
    if body is None:
        return ""
    division = _Copy().of(body)
    _count_branches(division)
    fold_quotes(division)
    keep_legible(division)
    text: str = etree.tostring(division, encoding="unicode", method="html")
    if sum(map(text.count, ("<", '="', "&"))) > policy.MAX_MARKS:
        raise TooBig("marks")
    return text


def _weigh(html: str) -> None:
    """libxml2 compares every attribute of a tag with every other, so a long tag is refused before it is parsed."""
    if len(html) > policy.MAX_CHARACTERS:
        raise TooBig("characters")
    if len(_QUOTED_VALUE.findall(html)) > policy.MAX_QUOTED_VALUES:
        raise TooBig("attributes")
    long_tags = (tag[0] for tag in _TAG.finditer(html) if tag.end() - tag.start() > policy.MAX_WORDS_IN_TAG)
    if any(len(_EMBEDDED.sub("", tag).split()) > policy.MAX_WORDS_IN_TAG for tag in long_tags):
        raise TooBig("attributes of one tag")


def _parse(html: str) -> lxml_html.HtmlElement | None:
    # Bytes, because lxml refuses text that begins with an XML declaration, as XHTML mails do.
    content = html.replace("\0", "").encode("utf-8", "replace")
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return lxml_html.document_fromstring(content, parser=parser).find("body")
    except etree.ParserError:  # nothing but white space
        return None


class _Copy:
    """What readers are to see of a tree, built anew: taking thousands of elements out of a tree of libxml2's one by
    one takes gigabytes.
    """

    def __init__(self) -> None:
        self.builder: Any = etree.TreeBuilder()
        self.seen = 0

    def of(self, body: lxml_html.HtmlElement) -> etree._Element:
        self.builder.start("div", _attributes_of_body(body))
        self._inside(body, 1)
        self.builder.end("div")
        division: etree._Element = self.builder.close()
        return division

    def _inside(self, element: lxml_html.HtmlElement, depth: int) -> None:
        self._words(element.text)
        for child in element:
            self._element(child, depth)
            self._words(child.tail)

    def _element(self, element: lxml_html.HtmlElement, depth: int) -> None:
        self.seen += 1
        if self.seen > policy.MAX_ELEMENTS or depth > policy.MAX_DEPTH:
            raise TooBig("elements" if self.seen > policy.MAX_ELEMENTS else "depth")
        if element.tag in policy.DROPPED or _HIDDEN.search(element.get("style", "")):
            return
        name = "div" if element.tag in policy.BLOCKS else element.tag
        if name not in policy.TAGS:
            self._inside(element, depth + 1)
            return
        self.builder.start(name, _attributes(element))
        self._inside(element, depth + 1)
        self.builder.end(name)

    def _words(self, text: str | None) -> None:
        if text:
            self.builder.data(_UNSTORABLE.sub("", text))


def _count_branches(division: etree._Element) -> None:
    branches = Counter(element.getparent() for element in division.iter() if len(element))
    if max(branches.values(), default=0) > policy.MAX_BRANCHES:
        raise TooBig("branches of one element")


def _attributes(element: lxml_html.HtmlElement) -> dict[str, str]:
    """The known ones; `class` and `type` tell fold_quotes what is a quote."""
    known = {"class", "type", *policy.ATTRIBUTES["*"], *policy.ATTRIBUTES.get(element.tag, ())}
    kept = {
        name: _UNSTORABLE.sub("", value)
        for name, value in element.attrib.items()
        if name in known and name not in policy.IMAGE_SOURCES and len(value) <= policy.MAX_VALUE
    }
    kept["style"] = safe_style(_margin_of_word(element) + element.get("style", ""))
    source = _image_source(element.get("src", "")) if element.tag == "img" else {}
    return {name: value for name, value in {**kept, **source}.items() if value or name != "style"}


def _margin_of_word(element: lxml_html.HtmlElement) -> str:
    """Word and Outlook put every line into a paragraph and take its margin away in a style sheet, which is not kept."""
    return "margin: 0;" if element.get("class", "").startswith("Mso") and element.tag in ("p", "li", "div") else ""


def _image_source(source: str) -> dict[str, str]:
    """Under which name the source waits until somebody may see the picture; other sources are forgotten."""
    if source.lower().startswith("data:"):
        return {"data-inline": _UNPRINTABLE.sub("", source)} if _EMBEDDED.fullmatch(source) else {}
    source = _UNPRINTABLE.sub("", source[: policy.MAX_VALUE])
    if source.startswith("//"):
        source = f"https:{source}"
    if source.lower().startswith("cid:"):
        return {"data-cid": quote(source[4:], safe=_SAFE_IN_URL)}
    if source.lower().startswith(("http://", "https://")):
        return {"data-remote-src": quote(source, safe=_SAFE_IN_URL)}
    return {}


def _attributes_of_body(body: lxml_html.HtmlElement) -> dict[str, str]:
    """What <html> and <body> say of the whole mail: its direction, its ground and the colour of its text."""
    root = body.getparent()
    direction = body.get("dir") or (root.get("dir", "") if root is not None else "")
    ground, ink = from_attribute(body.get("bgcolor", "")), from_attribute(body.get("text", ""))
    declared = safe_style(f"background-color: {ground}; color: {ink}; {body.get('style', '')}").split("; ")
    colours = "; ".join(each for each in declared if each.startswith(("color: ", "background-color: ")))
    return {name: value for name, value in {"dir": direction, "style": colours}.items() if value}
