"""Every failpoint named is a place in the code, and every place has a name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mailchannel.kernel import failpoints

CODE = Path(failpoints.__file__).parent.parent


def test_names_and_places_are_the_same() -> None:
    places = {name for file in CODE.rglob("*.py") for name in re.findall(r'\bhit\("([^"]+)"\)', file.read_text())}

    assert places == set(failpoints.NAMES)


def test_the_second_time_means_the_second_time(failpoint: Callable[[str], None]) -> None:
    failpoint("imap.fetched:2:raise")

    failpoints.hit("imap.fetched")
    failpoints.hit("imap.moved")
    with pytest.raises(RuntimeError):
        failpoints.hit("imap.fetched")
    failpoints.hit("imap.fetched")


def test_a_full_disk_looks_like_one(failpoint: Callable[[str], None]) -> None:
    failpoint("keep.inserted:1:enospc")

    with pytest.raises(OSError, match="No space left"):
        failpoints.hit("keep.inserted")


def test_nothing_happens_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)

    failpoints.hit("settle.committed")
