"""Does a subject say a word?"""

from __future__ import annotations

import re
from unicodedata import normalize

LONGEST_SUBJECT = 2_000  # characters looked at
#: Scripts that write words without blanks between them, and Korean, whose endings follow without one.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def says(subject: str, word: str, *, whole: bool = False) -> bool:
    """“HR” stands in “Ask HR” and not in “three chairs”; `whole`: only the subject “HR” itself counts.

    Upper and lower case, and how many blanks there are, make no difference.
    """
    text, wanted = folded(subject[:LONGEST_SUBJECT]), folded(word)
    if whole or not wanted:
        return bool(wanted) and text == wanted
    place = text.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        if _apart(text[place - 1 : place], wanted[0]) and _apart(text[end : end + 1], wanted[-1]):
            return True
        place = text.find(wanted, place + 1)
    return False


def _apart(neighbour: str, edge: str) -> bool:
    """Does a word end between these two characters?"""
    joined = neighbour.isalnum() and edge.isalnum()
    return not joined or bool(_UNSPACED.match(edge) or _UNSPACED.match(neighbour))


def folded(text: str) -> str:
    """The spelling two texts are compared in: some programs send “ü” as two characters."""
    return " ".join(normalize("NFC", text).casefold().split())
