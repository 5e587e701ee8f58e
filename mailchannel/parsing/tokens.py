"""An address header cut into words and signs, in one pass and without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto


class Kind(StrEnum):
    BLANK = auto()
    ATOM = auto()
    QUOTED = auto()  # a quoted string, without its quotes
    COMMENT = auto()  # without its outer parentheses
    ENCODED = auto()  # an encoded word, still encoded
    SIGN = auto()  # one of < > , ; : @
    BROKEN = auto()  # a quote or parenthesis without its partner


SPACES = (Kind.BLANK, Kind.COMMENT)


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str

    def sign(self, signs: str) -> bool:
        return self.kind is Kind.SIGN and self.text in signs


SIMPLE = re.compile(r"(?P<blank>\s+)|(?P<sign>[<>,;:@])|(?P<atom>[^\s<>,;:@\"()]+)")
ENCODED_WORD = re.compile(r"=\?[^?\s]{1,75}\?[bBqQ]\?[^?]{0,2000}\?=")
UNQUOTE = re.compile(r"\\(.)")


def tokens(text: str, *, encoded_words: bool = True) -> Iterator[Token]:
    """Every character of the text is in exactly one token. Without `encoded_words`, RFC 2047 is unheard of."""
    at = 0
    closed = {'"': True, "(": True}  # False once one was found to have no end: nothing behind it is searched again
    while at < len(text):
        encoded = ENCODED_WORD.match(text, at) if encoded_words and text.startswith("=?", at) else None
        simple = SIMPLE.match(text, at)
        if encoded:
            yield Token(Kind.ENCODED, encoded[0])
            at = encoded.end()
        elif simple:
            yield Token(Kind[str(simple.lastgroup).upper()], simple[0])
            at = simple.end()
        else:
            opener = text[at]
            end = _closing(text, at) if closed.get(opener) else -1
            if end < 0:
                closed[opener] = False
                yield Token(Kind.BROKEN, opener)
                at += 1
            else:
                inside = UNQUOTE.sub(r"\1", text[at + 1 : end])
                yield Token(Kind.QUOTED if opener == '"' else Kind.COMMENT, inside)
                at = end + 1


def _closing(text: str, at: int) -> int:
    """Where the quoted string or (nested) comment that begins here ends; -1: nowhere."""
    if text[at] == '"':
        found = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at)
        return found.end() - 1 if found else -1
    depth = 0
    for sign in re.compile(r"\\.|[()]").finditer(text, at):
        depth += {"(": 1, ")": -1}.get(sign[0], 0)
        if depth <= 0:
            return sign.start() if sign[0] == ")" else -1
    return -1
