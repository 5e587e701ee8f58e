"""What the beginning of a subject says: that the mail answers another one, or passes one on."""

from __future__ import annotations

import re

from mailchannel.parsing.quote_words import ANSWER, FORWARD, either

_LIST = r"\s*(?:\[[^\]]{0,60}\]\s*)?"  # the name of a mailing list may stand before it
_ANSWER = re.compile(rf"{_LIST}(?:{either(ANSWER)})\s*(?:\[\d+\]|\^?\d+)?\s*[:：]", re.IGNORECASE)
_FORWARD = re.compile(rf"{_LIST}(?:{either(FORWARD)})\s*[:：]", re.IGNORECASE)


def is_answer(subject: str) -> bool:
    """`Re: …`"""
    return _ANSWER.match(subject) is not None


def is_passed_on(subject: str) -> bool:
    """`Fwd: …`"""
    return _FORWARD.match(subject) is not None
