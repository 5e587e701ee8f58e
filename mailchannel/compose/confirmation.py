"""The mail that tells a customer at once that the ticket exists. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from typing import Final

from mailchannel.compose.notice import AUTOMATIC
from mailchannel.compose.reply import Letter, compose_reply
from mailchannel.kernel.specs import FieldSpec, Kind

CONFIRMATION_SPECS: Final = (
    FieldSpec(
        "send_confirmation",
        "Confirm every new ticket to its sender",
        Kind.SWITCH,
        "Machines, mailing lists and our own addresses are never written to.",
        default=True,
    ),
    FieldSpec(
        "confirmation_text",
        "Words of the confirmation",
        Kind.PARAGRAPH,
        "{number}, {title} and {name} stand for the ticket's number, its title and the sender's name.",
        default="Hello {name},\n\nwe received your message and opened ticket {number}. "
        "Somebody will answer you soon.\n\nTo add something, just reply to this mail.",
    ),
)

_PLACEHOLDER = re.compile(r"\{(number|title|name)\}")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+")
_LINK = re.compile(r"://|www\.|\.[a-z]{2,6}/|@", re.IGNORECASE)
#: Whoever forges a sender chooses title and name: room for a title and a name, not for a message of their own.
LONGEST_TITLE, LONGEST_NAME = 120, 60
NOBODY = "there"


def filled_in(text: str, *, number: str, title: str, name: str) -> str:
    """The words with the placeholders replaced; everything else in braces stays as it was typed."""
    values = {"number": number, "title": _harmless(title, LONGEST_TITLE), "name": _harmless(name, LONGEST_NAME)}
    values["title"] = values["title"] or "(no subject)"
    values["name"] = values["name"] or NOBODY
    lines = _PLACEHOLDER.sub(lambda match: values[match[1]], text).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"


def harmless_subject(subject: str) -> str:
    """Of the customer's subject, what a stranger cannot use to advertise through us."""
    return _harmless(subject, LONGEST_TITLE) or "Your message"


def compose_confirmation(letter: Letter) -> bytes:
    """The whole mail, as text and as HTML, marked as automatic."""
    return AUTOMATIC + compose_reply(replace(letter, html=in_html(letter.text)))


def in_html(text: str) -> str:
    """Paragraphs where the text has empty lines; nothing in it is markup."""
    paragraphs = (escape(each.strip("\n")).replace("\n", "<br>\n") for each in re.split(r"\n{2,}", text.strip()))
    body = "\n".join(f"<p>{each}</p>" for each in paragraphs)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{body}\n</body></html>\n'


def _harmless(value: str, longest: int) -> str:
    """One line without a link to click on."""
    line = " ".join(_INVISIBLE.sub(" ", value[: 4 * longest]).split())
    if _LINK.search(line):
        return ""
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
