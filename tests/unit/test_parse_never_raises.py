"""Whatever the bytes are, something comes of them, and it can be stored.

`HYPOTHESIS_EXAMPLES=20` makes twenty times as many examples; `bench.mutate` makes hundreds of thousands.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.mutation import TOKENS, mutated
from tests.hostile.reading import read

pytestmark = pytest.mark.slow

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "corpus").glob("*.eml"))]
TIMES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "1"))


def examples(count: int) -> settings:
    return settings(max_examples=count * TIMES, deadline=None)


@given(st.binary(max_size=2_000))
@examples(200)
def test_noise_is_parsed(raw: bytes) -> None:
    read(raw)


@given(st.lists(st.sampled_from(TOKENS), max_size=80).map(b"".join))
@examples(400)
def test_pieces_of_mails_in_any_order_are_parsed(raw: bytes) -> None:
    read(raw)


@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS), st.booleans()), max_size=12)
)
@examples(300)
def test_damaged_mails_are_parsed(raw: bytes, damages: list[tuple[float, bytes, bool]]) -> None:
    for where, what, replaces in damages:
        at = int(where * len(raw))
        raw = raw[:at] + what + raw[at + (len(what) if replaces else 0) :]

    read(raw)


@given(st.integers(0, 2**64))
@examples(300)
def test_mails_damaged_in_every_way_are_parsed(seed: int) -> None:
    read(mutated(Random(seed), SEEDS))


@pytest.mark.parametrize("raw", SEEDS)
def test_a_mail_cut_off_anywhere_is_parsed(raw: bytes) -> None:
    for end in range(0, len(raw), 7):
        read(raw[:end])


def test_the_same_seed_damages_in_the_same_way() -> None:
    assert [mutated(Random(7), SEEDS) for _ in range(2)] == [mutated(Random(7), SEEDS)] * 2
