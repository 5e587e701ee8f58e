"""Every case of the list has a test, and every test says which cases it proves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

#: Parameters begin with their case; the names of tests hold it anywhere.
CASE = re.compile(r"^ML-\d\d|(?<=_)ml_\d\d")
Test = Callable[..., None]


def all_tests() -> Iterator[Test]:
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            found = vars(import_module(f"tests.hostile.{path.stem}"))
            yield from (thing for name, thing in found.items() if name.startswith("test_"))


def marks(test: Test, name: str) -> list[pytest.Mark]:
    return [mark for mark in getattr(test, "pytestmark", []) if mark.name == name]


def names(test: Test) -> Iterator[str]:
    """That of the test and those of its parameters, as pytest shows them."""
    yield test.__name__
    for mark in marks(test, "parametrize"):
        name = mark.kwargs.get("ids")
        yield from (name(value) if name else value.id for value in mark.args[1])


def proven(test: Test) -> set[str]:
    return {case.upper().replace("_", "-") for name in names(test) for case in CASE.findall(name)}


def test_every_case_from_ml_01_to_ml_50_has_a_test() -> None:
    assert set().union(*map(proven, all_tests())) == {f"ML-{number:02}" for number in range(1, 51)}


def test_every_test_is_marked_with_the_cases_it_proves() -> None:
    marked = {test.__name__: {case for mark in marks(test, "req") for case in mark.args} for test in all_tests()}

    assert marked == {test.__name__: proven(test) for test in all_tests()}
