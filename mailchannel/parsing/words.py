"""Header bytes to what a person reads: unfolding, raw 8-bit text and encoded words (RFC 2047)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailchannel.parsing.charset import codec_name, decode, storable
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.transfer import from_base64

START = re.compile(r"=\?\s?([^?\s]{0,75})\s?\?\s?([bBqQ])\s?\?")
NEXT_WORD = re.compile(r"\s=\?[^?\s]{1,75}\?[bBqQ]\?")
#: `?=` inside a word in which somebody left question marks and encoded what follows: `really?=3F`.
NOT_THE_END = re.compile(r"\?=[0-9A-F]{2}[^\s?]{0,200}\?=")
#: Base64 has no such signs; the letter that says so is wrong.
QUOTED_PRINTABLE = re.compile(r"=[0-9A-F]{2}|_", re.IGNORECASE)
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
Q_SPACE = str.maketrans("_", " ")


@dataclass(slots=True)
class Word:
    """A run of encoded words in one charset; their bytes are joined, since some senders split inside a letter."""

    charset: str
    content: bytes

    def __str__(self) -> str:
        return decode(self.content, self.charset)


def unfold(value: bytes) -> str:
    """A raw header as one line of text. Encoded words are still encoded."""
    return decode(value).replace("\r", "").replace("\n", "").replace("\t", " ").strip()


def readable(value: bytes, limits: Limits = DEFAULT) -> str:
    """A raw header as a person would read it."""
    text = unfold(value)
    return decode_words(text, limits) if "=?" in text else CONTROLS.sub("", text)


def decode_words(text: str, limits: Limits = DEFAULT) -> str:
    """Replaces encoded words wherever they stand, also where RFC 2047 forbids them."""
    joined: list[Word | str] = []
    for piece in _pieces(text, limits):
        last = joined[-1] if joined else ""
        if isinstance(piece, Word) and isinstance(last, Word) and codec_name(piece.charset) == codec_name(last.charset):
            last.content += piece.content
        else:
            joined.append(piece)
    return CONTROLS.sub("", storable("".join(map(str, joined))).replace("\n", " "))


def _pieces(text: str, limits: Limits) -> Iterator[Word | str]:
    """Encoded words and what stands between them; blanks between two of them mean nothing."""
    at = 0
    after_word = False
    for _ in range(limits.encoded_words):
        begin = START.search(text, at)
        if begin is None:
            break
        between = text[at : begin.start()]
        if between and not (after_word and between.isspace()):
            yield between
        stop = _end_of_word(text, begin.end(), begin[2])
        yield Word(begin[1].partition("*")[0], _content(begin[2], text[begin.end() : stop]))
        at, after_word = _behind(text, stop), True
    if at < len(text):
        yield text[at:]


def _end_of_word(text: str, begin: int, encoding: str) -> int:
    """Where `?=` stands. A word that was cut off ends with the text, or where the next one begins."""
    looked = begin  # up to here no other word begins; nothing behind one is looked at, or hostile text costs minutes
    while True:
        stop = text.find("?=", looked)
        following = NEXT_WORD.search(text, looked, len(text) if stop < 0 else stop + 2)
        if following:
            return following.start()
        if stop < 0:
            return len(text.rstrip("?"))
        if encoding in "bB" or NOT_THE_END.match(text, stop) is None:
            return stop
        looked = stop + 2


def _behind(text: str, stop: int) -> int:
    """A word that was cut off may still have half its end."""
    return stop + (2 if text.startswith("?=", stop) else 1 if text.startswith("?", stop) else 0)


def _content(encoding: str, text: str) -> bytes:
    if encoding in "bB" and QUOTED_PRINTABLE.search(text) is None:
        return from_base64(text.encode("ascii", "ignore"))
    return binascii.a2b_qp(text.translate(Q_SPACE).replace("\r", "").encode("utf-8", "surrogateescape"), header=False)
