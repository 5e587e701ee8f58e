"""Which elements of an HTML mail hold an older mail, its announcement or a signature, by mail program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from mailchannel.parsing.html_tags import attribute


class Role(StrEnum):
    """One letter each: they are written into the text as marks."""

    REST = "R"  # from here on all is history
    RULED = "L"  # the same, if what follows looks like headers
    HISTORY = "H"  # holds an announcement and the mail that is answered
    ATTRIBUTION = "A"  # "On …, Jane Doe wrote:"
    CITED = "C"  # a quote that says so
    INDENTED = "I"  # what Gmail writes for a quote, and for the writer's own indenting
    BARE = "B"  # a blockquote that says nothing
    SIGNATURE = "S"


_WHOLE = {
    # Outlook: on the web, for telephones, for Mac; Hotmail; Zimbra
    "divrplyfwdmsg": Role.REST,
    "mail-editor-reference-message-container": Role.REST,
    "ms-outlook-mobile-reference-message": Role.REST,
    "olk_src_body_section": Role.REST,
    "stopspelling": Role.REST,
    "zwchr": Role.RULED,
    "__divider__": Role.RULED,
    "__quoted_text__": Role.HISTORY,
    # Gmail, Yahoo, Proton, Tuta, Zoho, Spark, GMX and WEB.DE, Superhuman, NetEase
    "gmail_quote": Role.HISTORY,
    "gmail_quote_container": Role.HISTORY,
    "yahoo_quoted": Role.HISTORY,
    "yahoo_qtd_body": Role.HISTORY,
    "protonmail_quote": Role.HISTORY,
    "tutanota_quote": Role.HISTORY,
    "zmail_extra": Role.HISTORY,
    "messagereplysection": Role.HISTORY,
    "sh-quoted-content": Role.HISTORY,
    "isreplycontent": Role.HISTORY,
    # announcements: Gmail, Thunderbird, Airmail, GMX
    "gmail_attr": Role.ATTRIBUTION,
    "moz-cite-prefix": Role.ATTRIBUTION,
    "airmail_on": Role.ATTRIBUTION,
    "mail_quote_attribution": Role.ATTRIBUTION,
    # signatures
    "gmail_signature": Role.SIGNATURE,
    "moz-signature": Role.SIGNATURE,
    "ms-outlook-mobile-signature": Role.SIGNATURE,
    "applemailsignature": Role.SIGNATURE,
    "composer_signature": Role.SIGNATURE,
    "protonmail_signature_block": Role.SIGNATURE,
    "messagesignaturesection": Role.SIGNATURE,
    "psignature": Role.SIGNATURE,
    "__sig_pre__": Role.SIGNATURE,
    "__sig_post__": Role.SIGNATURE,
}
#: Words that mean something in one attribute only.
_PLACED = {("name", "quote"): Role.HISTORY, ("id", "signature"): Role.SIGNATURE}
_WORDS = (*_WHOLE, *(f"{place}={mark}{word}" for place, word in _PLACED for mark in ("", "'", '"')))
_RULE = "border-top"
#: The line Outlook and Windows Mail draw above the headers of the mail that is answered.
_DRAWN = re.compile(
    r"border-top:\s*solid\s+#(?:b5c4df|e1e1e1|c4d6e0|cccccc)|border-top:\s*1px\s+solid\s+(?:#(?:b5c4df|e1e1e1|e5e5e5)|"
    r"rgb\(229,\s?229,\s?229\))|border-top-color:\s*rgb\(229,\s?229,\s?229\)",
    re.IGNORECASE,
)
_CITES = frozenset({"protonmail_quote", "tutanota_quote", "front-blockquote", "yahoo_quoted", "iosymail"})
_PLACES = ("class", "id", "name", "data-marker")
_HOLDS = frozenset("div span blockquote p pre table td section hr".split())


def telling_words(source: str, *, proof: bool) -> tuple[str, ...]:
    """The words of this HTML that could make an element tell something; `proof`: only where an old mail begins."""
    source = source.lower()
    words = [word for word in _WORDS if word in source and not (proof and _WHOLE.get(word) is Role.SIGNATURE)]
    if _RULE in source and _DRAWN.search(source):
        words.append(_RULE)
    if "<blockquote" in source and not proof:
        words.append("<blockquote")
    return tuple(words)


def role(name: str, tag: str, words: Iterable[str]) -> Role | None:
    """What this opening tag says about what it holds. `words` are those that tell something in this mail."""
    if name not in _HOLDS or len(tag) < len("<p id=quote>"):
        return None
    lowered = tag.lower()
    if not any(word in lowered for word in words):
        return None
    for place in _PLACES:
        for word in attribute(tag, place).lower().split():
            if found := _PLACED.get((place, word)) or _WHOLE.get(word):
                return found
    return Role.RULED if name in ("div", "p", "hr") and _DRAWN.search(tag) else None


def blockquote_role(tag: str, depth: int) -> Role | None:
    """Of the outermost blockquotes only; those inside them belong to them."""
    if depth:
        return None
    classes = attribute(tag, "class").lower().split()
    if attribute(tag, "type").lower() == "cite" or _CITES & set(classes):
        return Role.CITED
    return Role.INDENTED if "gmail_quote" in classes else Role.BARE
