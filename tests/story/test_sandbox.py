"""What a child process may take."""

from __future__ import annotations

import mmap

import pytest

from mailchannel.services.sandbox import ChildRaised, run_in_child

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_that_has_taken_much_can_still_have_a_child_that_works() -> None:
    with mmap.mmap(-1, 3_000_000_000):  # nothing is written there: it is only address space
        assert run_in_child(lambda: bytearray(100_000_000)) == ""


def test_a_child_cannot_take_more_than_it_is_given() -> None:
    with pytest.raises(ChildRaised):
        run_in_child(lambda: bytearray(2_000_000_000))
