"""Which charset, by statistics, have bytes of which nobody says it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Fewer letters than this tell statistics nothing.
ENOUGH_TO_GUESS = 12
GUESS_FROM = 4_000
#: Each guess takes milliseconds. Honest mails need a few; one of thousands of undeclared names would need minutes.
MOST_GUESSES = 200
_left: ContextVar[int | None] = ContextVar("guesses left in this mail", default=None)


@contextmanager
def one_mail() -> Iterator[None]:
    """What is decoded inside shares its guesses; once they are used up, there is no opinion."""
    outside = _left.set(MOST_GUESSES)
    try:
        yield
    finally:
        _left.reset(outside)


def likely_charset(raw: bytes) -> str:
    """Python's name of it, or an empty string."""
    telling = [line for line in raw[: 10 * GUESS_FROM].split(b"\n") if not line.isascii()]
    sample = b"\n".join(telling)[:GUESS_FROM]
    if sum(byte > 0x7F for byte in sample) < ENOUGH_TO_GUESS or not _may_guess():
        return ""
    from charset_normalizer import from_bytes  # slow to import, and rarely needed

    best = from_bytes(sample).best()
    return best.encoding if best is not None else ""


def _may_guess() -> bool:
    left = _left.get()
    if left is None:
        return True
    _left.set(left - 1)
    return left > 0
