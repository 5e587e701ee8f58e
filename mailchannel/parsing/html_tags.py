"""HTML as a stream of texts and tags, in one pass and whatever the HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

#: Their content is not for people; it ends with their own closing tag and nothing else.
SILENT = frozenset("script style title noscript template".split())
#: Where markup begins: a tag with its name, a comment or a declaration. Any other `<` is text.
MARKUP = re.compile(r"<(?:(/?[a-zA-Z][^\s/>]{0,30})|[!?])")
END_OF_COMMENT = re.compile("--!?>")
QUOTED_GREATER = 5  # so many `>` inside one attribute are believed
LONGEST_TAG = 4_000  # characters in which attributes are looked for

#: Elements that mail programs hide: the words of a preview, the version for telephones.
HIDEABLE = frozenset("div span p table td tr font center".split())
_NOT_SHOWN = re.compile(r"display\s*:\s*none")
_TINY = re.compile(r"font-size:[01](?:px|pt)?(?![.\d])|max-height:0|opacity:0(?![.\d])")
_SPACE = re.compile(r"\s+")
_ATTRIBUTE = {
    name: re.compile(rf"\s{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
    for name in ("class", "id", "name", "type", "style", "href", "alt", "start", "data-marker", "data-signatureblock")
}


def pieces(source: str, *, hidden: bool = False) -> Iterator[tuple[str, str, str]]:
    """(text, name of the tag behind it in small letters, that tag as written); a closing tag keeps its slash.

    `hidden` says that what a mail program would not show is wanted too.
    """
    at = 0
    unclosed: set[str] = set()  # found once to have no end, they are not searched again
    hides = not hidden and may_hide(source)
    while (markup := MARKUP.search(source, at)) is not None:
        name = (markup[1] or "").lower()
        opening = markup.start()
        end = _after(source, opening, name, unclosed)
        tag = source[opening : min(end, opening + LONGEST_TAG)] if name else ""
        if hides and name in HIDEABLE and _is_hidden(tag) and (behind := _behind(source, end, name, unclosed)):
            yield source[at:opening], "", ""
            at = behind
            continue
        yield source[at:opening], name, tag
        at = end
    yield source[at:], "", ""


def attribute(tag: str, name: str) -> str:
    """Its value, or an empty string; only the attributes this package asks for are known."""
    found = _ATTRIBUTE[name].search(tag) if name in tag.lower() else None
    value = (found[1] or found[2] or found[3] or "") if found else ""
    return html.unescape(value) if "&" in value else value


def may_hide(source: str) -> bool:
    source = source.lower()
    return "max-height" in source or "mso-hide" in source or _NOT_SHOWN.search(source) is not None


def _is_hidden(tag: str) -> bool:
    """`mso-hide` alone hides from Outlook only, and `font-size:0` alone is how layouts close gaps between cells."""
    if "style" not in tag.lower():
        return False
    style = _SPACE.sub("", attribute(tag, "style")).lower()
    if "display:none" in style:
        return True
    return _TINY.search(style) is not None and ("mso-hide:all" in style or "overflow:hidden" in style)


def _behind(source: str, start: int, name: str, unclosed: set[str]) -> int:
    """Behind the end of the element that was opened before `start`; 0 if it has none."""
    if name in unclosed:
        return 0
    depth = 1
    for tag in re.compile(rf"<(/?){name}(?=[\s/>])", re.IGNORECASE).finditer(source, start):
        if name == "p" and not tag[1]:
            return tag.start()  # a paragraph ends where the next begins
        depth += -1 if tag[1] else 1
        if not depth:
            return _past(source, ">", tag.end())
    unclosed.add(name)
    return 0


def _after(source: str, opening: int, name: str, unclosed: set[str]) -> int:
    """Where the text goes on behind the markup that begins here."""
    if source.startswith("<!--", opening):
        closing = END_OF_COMMENT.search(source, opening + 2)  # `<!-->` is a whole one
        return closing.end() if closing else len(source)
    end = _end_of_tag(source, opening)
    if name in SILENT and name not in unclosed and source[end - 2 : end] != "/>":
        closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(source, end)
        if closing:
            return closing.end()
        unclosed.add(name)
    return end


def _end_of_tag(source: str, opening: int) -> int:
    """Behind the `>` of a tag; one inside a quoted attribute is not it."""
    end = opening
    for _ in range(QUOTED_GREATER):
        end = _past(source, ">", end)
        inside = source[opening:end]
        if inside.count('"') % 2 == 0 or end == len(source):
            return end
    return _past(source, ">", opening)


def _past(source: str, mark: str, start: int) -> int:
    found = source.find(mark, start)
    return len(source) if found < 0 else found + len(mark)
