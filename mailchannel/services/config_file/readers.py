"""Readers: what a value in a settings file must look like. Each takes a located value and returns a plain one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any
from unicodedata import category

from django.core.exceptions import ValidationError
from django.utils import timezone

from mailchannel.services import validation
from mailchannel.services.config_file.located import Located
from mailchannel.services.config_file.problems import ConfigError, Problem

Reader = Callable[[Located], Any]
Check = Callable[[str], str]

_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half a surrogate pair, line and paragraph separator
QUOTES = "Put it in quotes if it looks like a number, a date or yes/no."


def text(*, maximum: int = 500, check: Check | None = None, needed: bool = False) -> Reader:
    """`check` returns the spelling that is stored; an empty text is not checked, it means "not set"."""

    def read(at: Located) -> str:
        if not isinstance(at.value, str):
            raise at.error(f"expected text. {QUOTES}")
        given = at.value.strip()
        if needed and not given:
            raise at.error("expected text, but it is empty.")
        if len(given) > maximum:
            raise at.error(f"expected at most {maximum} characters, this has {len(given)}.")
        if any(category(character) in _UNSEEN for character in given):
            raise at.error("expected text without line breaks, tabs or control characters.")
        return _checked(at, given, check) if given and check else given

    return read


def paragraph(*, maximum: int = 5_000, check: Check | None = None) -> Reader:
    """Text of several lines, which may be indented; `check` as for `text`."""

    def read(at: Located) -> str:
        if not isinstance(at.value, str):
            raise at.error(f"expected text. {QUOTES}")
        given = "\n".join(at.value.splitlines()).strip()
        if len(given) > maximum:
            raise at.error(f"expected at most {maximum} characters, this has {len(given)}.")
        if any(category(character) in _UNSEEN for character in given if character not in "\n\t"):
            raise at.error("expected text without control characters.")
        return _checked(at, given, check) if given and check else given

    return read


def _checked(at: Located, given: str, check: Check) -> str:
    try:
        return check(given)
    except ValidationError as error:
        raise at.error(" ".join(error.messages)) from None


def switch(at: Located) -> bool:
    if not isinstance(at.value, bool):
        raise at.error("expected true or false.")
    return at.value


def whole(low: int | None = None, high: int | None = None) -> Reader:
    limits = _limits(low, high)

    def read(at: Located) -> int:
        value = at.value
        if not isinstance(value, int) or isinstance(value, bool):
            raise at.error(f"expected a whole number{limits}, without quotes.")
        if (low is not None and value < low) or (high is not None and value > high):
            raise at.error(f"expected a whole number{limits}.")
        return value

    return read


def _limits(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""


def moment(at: Located) -> datetime:
    """A date alone begins at midnight; a time without a zone is in the zone of this installation."""
    value = _from_iso(at.value) if isinstance(at.value, str) else at.value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise at.error("expected a date and time such as 2026-01-01T00:00:00Z.")
    try:
        validation.start(value)
    except ValidationError as error:
        raise at.error(str(error.message)) from None
    return timezone.make_aware(value) if timezone.is_naive(value) else value


def _from_iso(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def one_of(choices: Sequence[str], *, what: str = "") -> Reader:
    def read(at: Located) -> str:
        if at.value not in choices:
            known = ", ".join(choices)
            raise at.error(
                f"there is no such {what} here. Available: {known}." if what else f"expected one of {known}."
            )
        return str(at.value)

    return read


def or_null(reader: Reader) -> Reader:
    return lambda at: None if at.value is None else reader(at)


@dataclass(frozen=True)
class ListOf:
    """A list; what stands in it twice counts once, or is an error where `unique` names the key that must differ."""

    item: Reader
    unique: str = ""

    def __call__(self, at: Located) -> list[Any]:
        if not isinstance(at.value, list):
            raise at.error("expected a list, like [one, two].")
        found = _gather((child, self.item) for child in at.value)
        if self.unique:
            self._refuse_twins(at, found)
            return found
        return list(dict.fromkeys(found))

    def _refuse_twins(self, at: Located, found: Sequence[Mapping[str, Any]]) -> None:
        names = [entry[self.unique] for entry in found]
        for place, child in enumerate(at.value):
            if names[place] in names[:place]:
                raise child.value[self.unique].error(f"“{names[place]}” appears twice in this list.")


@dataclass(frozen=True)
class Section:
    """A mapping with these keys and no others. Only what the file mentions is in the result."""

    keys: Mapping[str, Reader]
    needed: tuple[str, ...] = ()

    def __call__(self, at: Located) -> dict[str, Any]:
        if not isinstance(at.value, dict):
            raise at.error(f"expected keys and values. Known keys: {', '.join(self.keys)}.")
        given: dict[str, Located] = at.value
        missing = [Problem(at.line, at.path, f"the key “{key}” is missing.") for key in self.needed if key not in given]
        values = _gather(((child, self.keys.get(key) or self._unknown(key)) for key, child in given.items()), missing)
        return dict(zip(given, values, strict=True))

    def _unknown(self, key: str) -> Reader:
        close = get_close_matches(key, self.keys, n=1)
        hint = f"Did you mean “{close[0]}”?" if close else f"Known keys: {', '.join(self.keys)}."

        def refuse(at: Located) -> None:
            raise at.error(f"unknown key “{key}”. {hint}")

        return refuse


def _gather(work: Iterable[tuple[Located, Reader]], earlier: Sequence[Problem] = ()) -> list[Any]:
    """Reads everything before it complains, so that one run shows all that is wrong."""
    values: list[Any] = []
    problems = list(earlier)
    for child, reader in work:
        try:
            values.append(reader(child))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return values
