"""One way of being refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """`said`: patterns of which one must occur in what was said, upper or lower case. `means` in a few words, `todo`
    for the person who can do it."""

    key: str
    said: tuple[str, ...]
    means: str
    todo: str
