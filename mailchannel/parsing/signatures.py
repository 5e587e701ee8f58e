"""Where the signature begins that ends a text: what a mail program or a list server adds without being asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailchannel.parsing.quote_words import DEVICES, SENT_FROM, either

RULE = re.compile(r"[\s>]*+[-_=*–—]{3,}+\s*$")
#: RFC 3676, 4.3. Without the space behind it, it may be the writer's own rule: then less counts as a signature.
_DELIMITER = re.compile(r"\s{0,3}(?:--\s|[—–]\s?)$")
_BARE_DELIMITER = re.compile(r"\s{0,3}--$")
_SENT_FROM = re.compile(rf"\s{{0,8}}(?:{either(SENT_FROM)})", re.IGNORECASE)
_DEVICE = re.compile(either(DEVICES), re.IGNORECASE)
_LIST_RULE = re.compile(r"[_-]{20,}\s*$")
_LIST_FOOTER = re.compile(r"mailing list|listinfo|mailman|unsubscribe from this", re.IGNORECASE)

LONGEST = 15  # lines
LONGEST_BARE = 8  # lines, below a delimiter that is not quite one
LONGEST_SENT_FROM = 100  # characters
MOST = 3  # "Sent from my phone", a signature and the footer of a mailing list


def without_signature(lines: Sequence[str]) -> list[str]:
    """Only one that ends the text, and only if something stands above it."""
    kept = list(lines)
    for _ in range(MOST):
        strip_end(kept)
        at = _begins(kept)
        if not any(line.strip() for line in kept[:at]):
            break
        del kept[at:]
    strip_end(kept)
    return kept


def strip_end(lines: list[str]) -> None:
    """Takes empty lines and rules off the end."""
    while lines and (not lines[-1].strip() or RULE.match(lines[-1])):
        lines.pop()


def _begins(lines: Sequence[str]) -> int:
    last = len(lines) - 1
    if last > 0 and _is_sent_from(lines[last]):
        return last
    for at in range(last, max(last - LONGEST, 0), -1):
        if _DELIMITER.match(lines[at]) or (_BARE_DELIMITER.match(lines[at]) and last - at <= LONGEST_BARE):
            return at
        if _LIST_RULE.match(lines[at]) and any(_LIST_FOOTER.search(line[:300]) for line in lines[at:]):
            return at
    return len(lines)


def _is_sent_from(line: str) -> bool:
    short = len(line) <= LONGEST_SENT_FROM
    return short and _SENT_FROM.match(line) is not None and _DEVICE.search(line) is not None
