"""The new words of a mail, apart from what it quotes and the signature.

Line by line and in linear time. Cutting too little is a nuisance, cutting too much loses what somebody wrote: when
unsure, everything is new. The whole text is kept in any case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from mailchannel.kernel.types import TEXT_KINDS, ParsedMail
from mailchannel.parsing.html_quotes import Rich, read_rich
from mailchannel.parsing.quote_marks import (
    announces_original,
    attribution,
    closes_wrapped_attribution,
    is_bare_attribution,
    is_forward,
    is_header_block,
    is_reply_line,
)
from mailchannel.parsing.signatures import without_signature
from mailchannel.parsing.subjects import is_answer, is_passed_on

QUOTED = re.compile(r"\s{0,3}>")
#: A mail program broke a quoted line inside a link, or put the link of a quoted line on a line of its own.
LINK_IN_QUOTE = re.compile(r"\s*[(<\[]https?://\S+\s?>?\s*$")
LINK_OPEN = re.compile(r"[(<\[]https?://[^\s)>\]]*$")
LINK_REST = re.compile(r"\S+[)>\]]\s*>?$")
WORD = re.compile(r"[^\W\d_]+")
LOOKED_AT = 2_000  # lines; nobody writes more above a quote, and hostile text must not cost seconds


def new_words(mail: ParsedMail) -> str:
    """What this mail adds to the conversation."""
    if is_passed_on(mail.subject):
        return mail.text
    answers = bool(mail.in_reply_to or mail.references or is_answer(mail.subject))
    plain = without_history(mail.text, answers=answers)
    read_as_plain = _has_plain_form(mail)
    rich = read_rich(mail.html, proof=read_as_plain) if mail.html else None
    if rich is None:
        return plain
    styled = _cut_rich(rich, answers=answers)
    return _kinder(plain, styled, rich) if read_as_plain else (styled or plain)


def _has_plain_form(mail: ParsedMail) -> bool:
    return any(part.kind in TEXT_KINDS and part.content_type == "text/plain" for part in mail.parts)


def _kinder(plain: str, styled: str, rich: Rich) -> str:
    """The plain text was written for reading, the containers know better; in doubt the one that keeps more."""
    if not rich.sure or not styled:
        return plain
    in_plain, in_styled = Counter(WORD.findall(plain)), Counter(WORD.findall(styled))
    if in_plain == in_styled or (in_plain - in_styled and in_styled - in_plain):
        return plain
    return styled


def without_history(text: str, *, answers: bool = True) -> str:
    """`answers` says that the mail is known to be an answer: then a quote at its end needs no announcement."""
    lines = text.replace("\r\n", "\n").split("\n")
    return _said(without_signature(_without_quote(lines, {}, answers=answers))) or text


def _cut_rich(rich: Rich, *, answers: bool) -> str:
    """Empty when nothing is left."""
    if rich.whole:
        return "\n".join(rich.lines).strip("\n")
    return _said(without_signature(_without_quote(rich.lines, rich.announced, answers=answers)))


def _quoted(line: str) -> bool:
    return line.startswith(">") or QUOTED.match(line) is not None


def _said(lines: Sequence[str]) -> str:
    """`:+1:` and the like say something without a letter."""
    new = "\n".join(lines).strip("\n")
    return new if new.strip() and not all(_quoted(line) for line in lines if line.strip()) else ""


def _without_quote(lines: list[str], announced: Mapping[int, int], *, answers: bool) -> list[str]:
    for at, line in enumerate(lines[:LOOKED_AT]):
        if is_forward(line):
            return lines
        if at in announced:
            return _joined(lines[:at], _answer_below(lines[announced[at] :]))
        if _quoted(line) and not closes_wrapped_attribution(line):
            continue
        if is_reply_line(line):
            return _above_reply_line(lines, at)
        if announces_original(line) or is_header_block(lines, at, answers=answers):
            return lines[:at] if any(above.strip() for above in lines[:at]) else lines
        begins = attribution(lines, at)
        if begins:
            start, column = begins
            before = [*lines[:start], lines[start][:column].rstrip(" -")]
            return _joined(before, _answer_below(lines[at + 1 :]))
    return _without_last_quote(lines, answers=answers)


def _above_reply_line(lines: list[str], at: int) -> list[str]:
    """The history begins there, so what stands right above and ends in a colon announces it in whatever language."""
    above = [number for number in range(max(at - 4, 0), at) if lines[number].strip()]
    if above and lines[above[-1]].rstrip().endswith((":", "：")) and any(c.isdigit() for c in lines[above[-1]]):
        at = above[-1]
    return lines[:at]


def _joined(above: Sequence[str], below: Sequence[str]) -> list[str]:
    """With one empty line where something was taken out."""
    end = next((at + 1 for at in range(len(above) - 1, -1, -1) if above[at].strip()), 0)
    first = next((at for at, line in enumerate(below) if line.strip("> ")), len(below))
    return [*above[:end], *([""] if end and first < len(below) else []), *below[first:]]


def _answer_below(rest: Sequence[str]) -> list[str]:
    """What was written under a quote. Without `>` marks all of the rest is the quote."""
    first = next((number for number, line in enumerate(rest) if line.strip()), None)
    if first is None or not _quoted(rest[first]):
        return []
    end = _end_of_quote(rest, first)
    rest = [*rest[:end], *without_signature(rest[end:])]
    last = len(rest)
    while last > end and (_quoted(rest[last - 1]) or not rest[last - 1].strip()):
        last -= 1
    answers_between = any(_quoted(line) for line in rest[end:last])
    return list(rest[first if answers_between else end : last])


def _end_of_quote(rest: Sequence[str], end: int) -> int:
    link_open = False
    while end < len(rest):
        line = rest[end]
        if _quoted(line):
            link_open = LINK_OPEN.search(line[-500:]) is not None
        elif line.strip() and not (_goes_on(rest, end) and _is_link(line, opened=link_open)):
            break
        end += 1
    return end


def _goes_on(rest: Sequence[str], at: int) -> bool:
    return at + 1 < len(rest) and _quoted(rest[at + 1])


def _is_link(line: str, *, opened: bool) -> bool:
    return len(line) < 1000 and bool(
        LINK_REST.match(line) if opened else LINK_IN_QUOTE.match(line) and line.endswith(">")
    )


def _without_last_quote(lines: list[str], *, answers: bool) -> list[str]:
    """A quote that ends the text. In a mail that answers none it must say itself what it is."""
    end = len(lines)
    while end and (_quoted(lines[end - 1]) or not lines[end - 1].strip()):
        end -= 1
    if end and end < len(lines) and is_bare_attribution(lines[end - 1]):
        return lines[: end - 1]
    first = next((at for at in range(end, len(lines)) if lines[at].strip()), None)
    announced = answers or (first is not None and is_header_block(lines, first))
    return lines[:end] if end and announced else lines
