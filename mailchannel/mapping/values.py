"""A text made to fit a kind of ticket field, or the reason why it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

#: What a mail's importance is called in a list of priorities, best fitting word first.
PRIORITIES = {
    "high": ("high", "urgent", "critical"),
    "normal": ("normal", "medium", "moderate"),
    "low": ("low", "minor"),
}
YES = {"yes", "true", "on", "1"}
NO = {"no", "false", "off", "0"}
LONGEST_LINE = 255
NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
ADDRESS = re.compile(r"[^\s@<>,;\"()]{1,64}@[^\s@<>,;\"()]{1,255}")


@dataclass(frozen=True, slots=True)
class Fit:
    """`problem` is empty when the value fits; `note` says what had to be changed to make it fit."""

    value: Any = None
    problem: str = ""
    note: str = ""


def fit(text: str, kind: str, choices: tuple[str, ...] = ()) -> Fit:
    """Never raises. `text` is not empty."""
    if kind == "choice":
        return _choice(text.strip(), choices)
    return CONVERTERS.get(kind, _line)(text)


def _line(text: str) -> Fit:
    line = " ".join(text.split())
    if len(line) <= LONGEST_LINE:
        return Fit(line)
    return Fit(line[: LONGEST_LINE - 1] + "…", note=f"shortened from {len(line)} to {LONGEST_LINE} characters")


def _paragraph(text: str) -> Fit:
    return Fit(text.strip("\n"))


def _number(text: str) -> Fit:
    """Only plain numbers: nobody can say whether 1,234 is more than a thousand or a little more than one."""
    said = text.strip()
    if NUMBER.fullmatch(said) is None:
        return Fit(problem=f"{_quoted(text)} is not a number such as 42 or 1.5")
    number = float(said)
    return Fit(int(number) if number.is_integer() else number)


def _date(text: str) -> Fit:
    """The day as the sender counts it, not as UTC does."""
    said = text.strip()
    try:
        return Fit(datetime.fromisoformat(said).date().isoformat())
    except ValueError:
        pass
    try:
        return Fit(date.fromisoformat(said).isoformat())
    except ValueError:
        return Fit(problem=f"{_quoted(text)} is not a date such as 2025-03-04")


def _boolean(text: str) -> Fit:
    said = text.strip().lower()
    if said in YES | NO:
        return Fit(said in YES)
    return Fit(problem=f"{_quoted(text)} is neither yes nor no")


def _choice(text: str, choices: tuple[str, ...]) -> Fit:
    by_name = {choice.casefold(): choice for choice in choices}
    for wanted in (text.casefold(), *PRIORITIES.get(text.casefold(), ())):
        if wanted in by_name:
            return Fit(by_name[wanted])
    return Fit(problem=f"{_quoted(text)} is none of {', '.join(choices) or 'the choices, of which there are none'}")


def _email(text: str) -> Fit:
    said = text.strip().lower()
    if ADDRESS.fullmatch(said):
        return Fit(said)
    return Fit(problem=f"{_quoted(text)} is not a mail address")


def _quoted(text: str) -> str:
    line = " ".join(text[:200].split())
    return f"“{line[:60]}…”" if len(line) > 60 else f"“{line}”"


CONVERTERS: dict[str, Callable[[str], Fit]] = {
    "text": _line,
    "paragraph": _paragraph,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "email": _email,
}
