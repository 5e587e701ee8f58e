"""Every case of the list has a test."""

from __future__ import annotations

import re
from pathlib import Path


def test_every_case_from_ml_01_to_ml_50_has_a_test() -> None:
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    named = {int(number) for source in sources for number in re.findall(r"ml[-_](\d\d)", source, re.IGNORECASE)}

    assert named == set(range(1, 51))
