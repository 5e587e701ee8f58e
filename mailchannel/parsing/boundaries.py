"""Where the parts between the boundary lines of a multipart stand, however the lines were damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mailchannel.parsing.limits import Limits, TooComplex

Place = tuple[int, int]

#: A line that looks like a boundary, because headers of a part follow it.
LIKELY = re.compile(rb"^--([^\r\n]{1,200})\r?\n(?=content-[a-z-]{1,40}[ \t]*:)", re.IGNORECASE | re.MULTILINE)
LOOKED_AT = 64_000

NO_END = "A part has no end; it was read to the end of the mail."
GUESSED = "The boundary between the parts is not the declared one; it was guessed."
BEHIND = "Something stands behind the closing boundary of a multipart; it was read, too."
MISSING = "A multipart has no boundary."


@dataclass(frozen=True, slots=True)
class Division:
    """A multipart taken apart. `before` and `after` are what stands around the parts, where it means nothing."""

    places: tuple[Place, ...]
    before: Place
    after: Place
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    begin: int  # end of the text before it
    end: int  # begin of the text behind it
    closing: bool


def divide(raw: bytes, start: int, end: int, declared: str, limits: Limits) -> Division:
    """The parts between `start` and `end`. Raises TooComplex."""
    boundary = declared.rstrip().encode("utf-8", "surrogateescape")
    lines = list(_lines(raw, start, end, boundary, limits)) if boundary else []
    if lines:
        return _division(raw, start, end, lines)
    likely = LIKELY.search(raw, start, min(end, start + LOOKED_AT))
    if likely:
        return _division(raw, start, end, list(_lines(raw, start, end, likely[1].rstrip(), limits)), (GUESSED,))
    return Division((), (start, end), (end, end), () if boundary else (MISSING,))


def begins_with_a_part(raw: bytes, start: int, end: int) -> bool:
    """A mail that lost its Content-Type on the way shows itself by its first line."""
    first = LIKELY.match(raw, start, end)
    return first is not None and raw.find(b"\n--" + first[1].rstrip() + b"--", first.end(), end) >= 0


def _division(raw: bytes, start: int, end: int, lines: list[_Line], defects: tuple[str, ...] = ()) -> Division:
    """A closing line is believed only if it is the last one: what was sent behind it is not to be lost."""
    places = []
    for line, following in pairwise(lines):
        place = (line.end, max(line.end, following.begin))
        if not line.closing or raw[slice(*place)].strip():
            places.append(place)
    last = lines[-1]
    if any(line.closing for line in lines[:-1]):
        defects = (*defects, BEHIND)
    if not last.closing:
        places.append((last.end, end))
        defects = (*defects, NO_END)
    return Division(tuple(places), (start, lines[0].begin), (last.end if last.closing else end, end), defects)


def _lines(raw: bytes, start: int, end: int, boundary: bytes, limits: Limits) -> Iterator[_Line]:
    mark, at, tries = b"--" + boundary, start, 0
    while (at := raw.find(mark, at, end)) >= 0:
        tries += 1
        if tries > 4 * limits.parts:  # for each of the multiparts around each other
            raise TooComplex("Too many lines of the mail look like the boundary between two parts.")
        after = at + len(mark)
        if at == start or raw[at - 1 : at] == b"\n":
            ending = raw.find(b"\n", after, end)
            stop = end if ending < 0 else ending + 1
            tail = raw[after : min(stop, after + 200)].strip()
            if tail in (b"", b"--"):
                yield _Line(max(start, _before_newline(raw, at)), stop, tail == b"--")
        at = after


def _before_newline(raw: bytes, at: int) -> int:
    """The line break in front of a boundary belongs to the boundary (RFC 2046, 5.1.1)."""
    if raw[at - 2 : at] == b"\r\n":
        return at - 2
    return at - 1 if raw[at - 1 : at] == b"\n" else at
