"""Which lines say that an older mail begins: attributions, blocks of headers, rules with words in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailchannel.parsing import quote_words as words
from mailchannel.parsing.quote_words import either

LONGEST_LINE = 300  # no mail program writes longer announcements
LONGEST_ATTRIBUTION = 6  # lines
HEADER_LINES = 8
LONGEST_REPLY_LINE = 160

_WROTE = rf"(?:\b(?:{either(words.WROTE)})|{either(words.WROTE_TOUCHING)})"
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"

#: "… Jane Doe wrote:", "… schrieb Jane Doe:", "… wrote ----".
_VERB = re.compile(rf"{_WROTE}\s*(?:[^:：]{{0,60}}[:：][\s*_]*|[\s*]*-{{2,20}}\s*)$", re.IGNORECASE)
#: The same without a colon; it needs a quote right below to count.
_VERB_LAST = re.compile(rf"{_WROTE}[\s*_]*$", re.IGNORECASE)
#: "2014-10-17 11:28 Jane Doe <jane@example.com>:"
_CLOSES = re.compile(r"[>)\]\"]\s*[:：][\s*_]*$")
#: "---- Jane Doe wrote ----", as some phones write it.
_DASHED = re.compile(rf"^\s*+-{{2,}}+\s*+[^-]{{1,100}}{_WROTE}\s*-{{2,}}\s*$", re.IGNORECASE)
#: "2011/4/7 Jane Doe <jane@example.com>" with nothing behind it; it needs a quote right below to count.
_BARE = re.compile(rf"^\s*{_DATE}\b[^<>]{{0,100}}<[^<>@\s]{{1,80}}@[^<>\s]{{1,80}}>\s*$")
_BEGINS = re.compile(
    rf"^[\s*_-]*+(?:(?:{either(f'{words.ON},{words.ON_FIRST}')})\b(?=.*\d)|(?:{either(words.DAYS)})\w{{0,12}}[.,]*\s*\d|{_DATE})"
    rf"|^[\s*_-]*+在\s?\d|(?<=[\s-])(?:{either(words.ON)})\b(?=.*\d)"
)
_QUOTING = re.compile(rf"^\s*+(?:{either(words.QUOTING)})\s", re.IGNORECASE)
#: Without a quote below, a clock time or an address it is just a sentence.
_CERTAIN = re.compile(r"\d[:.h]\d\d|[\w.+-]@[\w-]")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+")
_BRACKETED = re.compile(r"[<(\[][^<>()\s@]{0,80}@[^<>()\s@]{1,80}[>)\]]")
_DATED = re.compile(rf"\b(?:19|20)\d\d\b|\d[年년]|{_DATE}")
_CLOCK = re.compile(r"\d[:.h]\d\d|\d\s?[ap]\.?\s?m\b|\d[时時시点點]", re.IGNORECASE)
#: The end of a wrapped attribution whose address closes on a line of its own: "> wrote:".
_WRAPPED = re.compile(rf"^>\s{{0,3}}{_WROTE}\s*[:：]\s*$", re.IGNORECASE)

_RULE = r"[-_=*~#–—]"
_ORIGINAL = re.compile(
    rf"^[\s>]*+{_RULE}{{2,}}+\s*+(?:{either(words.ORIGINALS)})\s*[:：]?\s*{_RULE}{{2,}}[\s*]*$", re.IGNORECASE
)
_FORWARD = re.compile(rf"^\s*+(?:{_RULE}{{2,}}+\s*+|\*?begin )(?:{either(words.FORWARDS)})", re.IGNORECASE)
#: Apple Mail writes no rule, but a colon: "Anfang der weitergeleiteten Nachricht:".
_FORWARD_COLON = re.compile(rf"^[\s*]*+(?:begin )?(?:{either(words.FORWARDS)})\s*[:：]\s*$", re.IGNORECASE)

_LABEL = re.compile(r"^[\s>*_|]*+([^\W\d_][^:：<>@\n]{0,20}?)\s*[*_]*\s*[:：]\s*[*_]*\s")
#: The next label of headers that were run together in one line: "From: a@b.example Date: Monday".
_NEXT_LABEL = re.compile(r"(?<=[\s*])([^\W\d_]{2,15})\s?[*_]*[:：]\s")

_ABOVE = re.compile(either(words.ABOVE_THIS_LINE), re.IGNORECASE)
_ASKS = re.compile(
    r"(?:(?:please|bitte|veuillez|por favor,?)\s)?(?:reply|respond|write|type|add|enter|antwort|schreib|répon|escrib|"
    r"rispond|scriv)",
    re.IGNORECASE,
)
_DRAWN = "-_=*~#–—"
_DRAWN_ENDS = tuple(_DRAWN)


def is_forward(line: str) -> bool:
    if len(line) > LONGEST_LINE:
        return False
    return _FORWARD.match(line) is not None or (line.rstrip()[-1:] in (":", "：") and bool(_FORWARD_COLON.match(line)))


def announces_original(line: str) -> bool:
    """`-----Original Message-----`"""
    drawn = len(line) <= LONGEST_LINE and line.rstrip(" \t\xa0*")[-1:] in _DRAWN_ENDS
    return drawn and (_ORIGINAL.match(line) or _DASHED.match(line)) is not None


def is_reply_line(line: str) -> bool:
    """`##- Please type your reply above this line -##`, which help desks put above what they send."""
    line = line.strip(" \t*_")
    if len(line) > LONGEST_REPLY_LINE or len(line) < len("##- -##"):
        return False
    if line.startswith("##-") and line.endswith("-##"):
        return True
    drawn = line[0] in _DRAWN and line[-1] in _DRAWN
    return (drawn or _ASKS.match(line) is not None) and _ABOVE.search(line) is not None


def is_header_block(lines: Sequence[str], at: int, *, answers: bool = True) -> bool:
    """`From: … Sent: … To: … Subject: …`, as Outlook writes above the mail that is answered.

    In a mail that answers none it takes all four: forms on web sites send some of them too.
    """
    if _meaning(lines[at]) not in ("from", "date", "subject"):
        return False
    block = lines[at : at + HEADER_LINES]
    end = next((number for number, line in enumerate(block) if not line.strip()), len(block))
    block = block[:end]
    meanings = {_meaning(line) for line in block} - {""}
    if len(meanings) == 1:
        meanings = {"from", *_run_together(block[0])}
        return answers and {"from", "date"} <= meanings and _ADDRESS.search(block[0]) is not None
    if not answers:
        return {"from", "date", "to", "subject"} <= meanings
    named = {"from", "date"} & meanings
    return bool(named) and (len(meanings) > 2 or (len(meanings) == 2 and any(_ADDRESS.search(x) for x in block)))


def _meaning(line: str) -> str:
    found = _LABEL.match(f"{line[:LONGEST_LINE]} ")
    return words.MEANINGS.get(found[1].strip(" *").lower(), "") if found else ""


def _run_together(line: str) -> set[str]:
    labels = _NEXT_LABEL.findall(line[:LONGEST_LINE])
    return {words.MEANINGS[label.lower()] for label in labels if label.lower() in words.MEANINGS}


def looks_like_headers(lines: Sequence[str]) -> bool:
    """Three lines of the form `Word: …` in any language; counts only where the layout says what they are."""
    return sum(_LABEL.match(f"{line[:LONGEST_LINE]} ") is not None for line in lines[:HEADER_LINES]) > 2


def is_bare_attribution(line: str) -> bool:
    return len(line) <= LONGEST_LINE and _BARE.match(line) is not None


def closes_wrapped_attribution(line: str) -> bool:
    return _WRAPPED.match(line) is not None


def attribution(lines: Sequence[str], end: int) -> tuple[int, int] | None:
    """If a line ends an attribution (`On …, Jane Doe wrote:`), the line and the column where that begins."""
    line = lines[end]
    last = line.rstrip(" \t\xa0*_")[-1:]
    if not last or len(line) > LONGEST_LINE:
        return None
    quoted = any(below.startswith(">") for below in lines[end + 1 : end + 4])
    ends = last in ":：" or (last == "-" and _VERB.search(line[-100:])) or (quoted and _VERB_LAST.search(line[-100:]))
    if not ends:
        return None
    return _from_its_first_word(lines, end, quoted=quoted) or _from_the_name(lines, end, quoted=quoted)


def _from_its_first_word(lines: Sequence[str], end: int, *, quoted: bool) -> tuple[int, int] | None:
    """`On Monday …`: the word that begins it is known."""
    for start in range(end, max(end - LONGEST_ATTRIBUTION, -1), -1):
        begins = _BEGINS.search(lines[start][:LONGEST_LINE])
        said = " ".join(lines[start : end + 1])
        if len(said) > LONGEST_LINE:
            break
        if not begins or not (quoted or _CERTAIN.search(said, begins.start())):
            continue
        if _VERB.search(said) or _VERB_LAST.search(said) or (_CLOSES.search(said) and _ADDRESS.search(said)):
            return start, begins.start()
    return None


def _from_the_name(lines: Sequence[str], end: int, *, quoted: bool) -> tuple[int, int] | None:
    """`Jane Doe <jane@example.com> …:` in any language, if it tells enough to be no sentence."""
    for start in range(end, max(end - 3, -1), -1):
        said = " ".join(lines[start : end + 1])
        if len(said) > LONGEST_LINE or not lines[start].strip():
            return None
        if _tells_who(said, quoted=quoted):
            return _with_the_line_above(lines, start, said), 0
    return None


def _tells_who(said: str, *, quoted: bool) -> bool:
    if not _ADDRESS.search(said):
        return quoted and _QUOTING.match(said) is not None
    dated, timed = _DATED.search(said) is not None, _CLOCK.search(said) is not None
    if _VERB.search(said) or _VERB_LAST.search(said) or _QUOTING.match(said):
        return quoted or dated or timed
    return dated and timed and (quoted or _BRACKETED.search(said) is not None)


def _with_the_line_above(lines: Sequence[str], start: int, said: str) -> int:
    """A wrapped attribution leaves its date, or the name, on the line above the address."""
    above = lines[start - 1].strip() if start else ""
    if not above or len(above) > LONGEST_LINE or above.startswith(">"):
        return start
    dated = _DATED.search(above) and _CLOCK.search(above) and not _DATED.search(said)
    return start - 1 if dated else start
