"""HTML from outside, limited and tidied by libxml2 before bleach sees it.

libxml2 comes first because every HTML5 parser can be made to take minutes over a small mail, and libxml2 cannot.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from lxml import etree
from lxml import html as lxml_html

from tickets import html_policy as policy
from tickets.quoted_html import fold_quotes

_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)
_EMBEDDED = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_QUOTED_VALUE = re.compile(r"=\s{0,9}[\"']")
_LONG_TAG = re.compile(r"<[a-zA-Z][^>]{4000,}")
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
    _restrict(body)
    fold_quotes(body)
    text = _inner(body)
    if text.count("&") > policy.MAX_ENTITIES:
        raise TooBig("entities")
    return text


def _weigh(html: str) -> None:
    """libxml2 compares every attribute of a tag with every other, so a long tag is refused before it is parsed."""
    if len(html) > policy.MAX_CHARACTERS:
        raise TooBig("characters")
    if len(_QUOTED_VALUE.findall(html)) > policy.MAX_QUOTED_VALUES:
        raise TooBig("attributes")
    for tag in _LONG_TAG.findall(html):
        if len(_EMBEDDED.sub("", tag).split()) > policy.MAX_WORDS_IN_TAG:
            raise TooBig("attributes of one tag")


def _parse(html: str) -> lxml_html.HtmlElement | None:
    # Bytes, because lxml refuses text that begins with an XML declaration, as XHTML mails do.
    content = html.replace("\0", "").encode("utf-8", "replace")
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return lxml_html.document_fromstring(content, parser=parser).find("body")
    except etree.ParserError:  # nothing but white space
        return None


def _restrict(body: lxml_html.HtmlElement) -> None:
    doomed, unwrapped = _survey(body)
    for element in doomed:
        element.drop_tree()
    for element in unwrapped:
        element.drop_tag()


def _survey(body: lxml_html.HtmlElement) -> tuple[list[lxml_html.HtmlElement], list[lxml_html.HtmlElement]]:
    """Tidies attributes; says which elements go with their content and which leave their content behind."""
    doomed: list[lxml_html.HtmlElement] = []
    unwrapped: list[lxml_html.HtmlElement] = []
    seen, pending = 0, [(child, 1) for child in body]
    while pending:
        element, depth = pending.pop()
        seen += 1
        if seen > policy.MAX_ELEMENTS or depth > policy.MAX_DEPTH:
            raise TooBig("elements" if seen > policy.MAX_ELEMENTS else "depth")
        if element.tag in policy.DROPPED or _HIDDEN.search(element.get("style", "")):
            doomed.append(element)
            continue
        _tidy_attributes(element)
        if element.tag not in policy.TAGS or element.tag in ("details", "summary"):  # ours alone: see fold_quotes
            unwrapped.append(element)
        pending.extend((child, depth + 1) for child in element)
    return doomed, unwrapped


def _tidy_attributes(element: lxml_html.HtmlElement) -> None:
    source = _image_source(element.get("src", "")) if element.tag == "img" else {}
    if len(element.attrib) > policy.MAX_ATTRIBUTES:
        element.attrib.clear()
    for name, value in element.attrib.items():
        limit = policy.MAX_STYLE if name == "style" else policy.MAX_VALUE
        if len(value) > limit or name.startswith("data-") or name == "src":
            del element.attrib[name]
    element.attrib.update(source)


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


def _inner(body: lxml_html.HtmlElement) -> str:
    body.tag = "div"
    body.attrib.clear()
    text: str = etree.tostring(body, encoding="unicode", method="html")
    return text
