"""The new words of a mail, apart from what it quotes and the signature.

Line by line and in linear time. Cutting too little is a nuisance, cutting too much loses what somebody wrote: when
unsure, everything is new. The whole text is kept in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.quote_marks import (
    announces_original,
    attribution,
    is_bare_attribution,
    is_forward,
    is_header_block,
)

ANSWERED = re.compile(r"\s*(re|aw|sv|antw|odp|vs|ynt|回复|答复)\s*[:：]", re.IGNORECASE)
FORWARDED = re.compile(r"\s*(fwd?|wg|tr|rv|i|enc)\s*:", re.IGNORECASE)
QUOTED = re.compile(r"\s{0,3}>")
RULE = re.compile(r"[\s>]*[-_=*–—]{5,}\s*$")
SIGNATURE = re.compile(r"--\s?$")
SENT_FROM = re.compile(
    r"\s*(sent from (my|a|outlook|mail for|yahoo|samsung|proton)|get outlook for|von meinem .{1,40} gesendet"
    r"|gesendet (von|mit) (meinem|der|outlook)|envoyé (de|depuis) mon|enviado desde mi|inviato da|verzonden vanaf mijn"
    r"|enviado do meu|skickat från min|отправлено с|發自我的|发自我的|iphoneから送信)",
    re.IGNORECASE,
)
LOOKED_AT = 2_000  # lines; nobody writes more above a quote, and hostile text must not cost seconds
LONGEST_SIGNATURE = 15  # lines
LONGEST_SENT_FROM = 80  # characters


def new_words(mail: ParsedMail) -> str:
    """What this mail adds to the conversation."""
    if FORWARDED.match(mail.subject):
        return mail.text
    answers = bool(mail.in_reply_to or mail.references or ANSWERED.match(mail.subject))
    return without_history(mail.text, answers=answers)


def without_history(text: str, *, answers: bool = True) -> str:
    """`answers` says that the mail is known to be an answer: then a quote at its end needs no announcement."""
    lines = text.replace("\r\n", "\n").split("\n")
    kept = _without_signature(_without_quote(lines, answers=answers))
    while kept and (not kept[-1].strip() or RULE.match(kept[-1])):
        kept.pop()
    new = "\n".join(kept).strip("\n")
    return new if any(character.isalnum() for character in new) or _is_gesture(new) else text


def _is_gesture(new: str) -> bool:
    """`:+1:` and the like say something without a letter."""
    return bool(new.strip()) and not QUOTED.match(new)


def _without_quote(lines: list[str], *, answers: bool) -> list[str]:
    for at, line in enumerate(lines[:LOOKED_AT]):
        if is_forward(line):
            return lines
        if QUOTED.match(line):
            continue
        if announces_original(line) or is_header_block(lines, at):
            return lines[:at]
        begins = attribution(lines, at)
        if begins:
            start, column = begins
            before = [*lines[:start], lines[start][:column].rstrip(" -")]
            return before + _answer_below(lines[at + 1 :])
    return _without_last_quote(lines, answers=answers)


def _answer_below(rest: Sequence[str]) -> list[str]:
    """What was written under a quote. Without `>` marks all of the rest is the quote."""
    first = next((number for number, line in enumerate(rest) if line.strip()), None)
    if first is None or not QUOTED.match(rest[first]):
        return []
    end = first
    while end < len(rest) and (QUOTED.match(rest[end]) or not rest[end].strip()):
        end += 1
    return list(rest[end:])


def _without_last_quote(lines: list[str], *, answers: bool) -> list[str]:
    """A quote that ends the text. In a mail that answers none it must say itself what it is."""
    end = len(lines)
    while end and (QUOTED.match(lines[end - 1]) or not lines[end - 1].strip()):
        end -= 1
    if end and end < len(lines) and is_bare_attribution(lines[end - 1]):
        return lines[: end - 1]
    first = next((at for at in range(end, len(lines)) if lines[at].strip()), None)
    announced = answers or (first is not None and is_header_block(lines, first))
    return lines[:end] if end and announced else lines


def _without_signature(lines: list[str]) -> list[str]:
    """Only one that ends the text, and only if something stands above it."""
    for at in range(len(lines) - 1, max(len(lines) - 1 - LONGEST_SIGNATURE, 0), -1):
        if SIGNATURE.match(lines[at]):
            return lines[:at]
    last = next((number for number in range(len(lines) - 1, 0, -1) if lines[number].strip()), 0)
    if last and SENT_FROM.match(lines[last]) and len(lines[last]) <= LONGEST_SENT_FROM:
        return lines[:last]
    return lines
