"""Text in the one form in which words of machines are compared, and tables of such words."""

from __future__ import annotations

import re
import unicodedata

#: Typographic signs that stand for a simple one.
SIMPLE = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "：": ":"})


def plain(text: str) -> str:
    """In small letters, without accents, on one line: servers differ in all three where their words do not."""
    text = text.translate(SIMPLE).casefold()
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(text.split())


def phrases(table: str) -> tuple[str, ...]:
    """To look for with `in`. They are divided by semicolons."""
    return tuple(filter(None, map(plain, table.split(";"))))


def starting_with(table: str) -> re.Pattern[str]:
    """One pattern a line, for `match` on plain text: further in, a person may be quoting.

    The patterns are made plain too, so that `\\W` is written `[^\\w]`.
    """
    return re.compile("|".join(f"(?:{plain(line)})" for line in table.strip().splitlines()))
