"""Numbers and signatures: what one wrote the other reads, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.numbering import format_number, is_signed, parse_number, sign


@given(st.integers(1, 10**12))
def test_a_number_is_read_back(pk: int) -> None:
    assert parse_number(format_number(pk)) == pk


@pytest.mark.parametrize(
    "text", ["", "1041", "HD-", "HD-0999", "HD-1000", "HD-12", "HD-１０４１", "HD-1041x", "XX-1041", "HD-" + "9" * 40]
)
def test_what_is_no_number_of_ours_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_a_signature_fits_one_ticket_and_one_mail_only() -> None:
    signature = sign(b"key", 41, "n17")

    assert is_signed([b"new key", b"key"], 41, "n17", signature.upper())
    assert not is_signed([b"key"], 42, "n17", signature)
    assert not is_signed([b"key"], 41, "n18", signature)
    assert not is_signed([b"other"], 41, "n17", signature)
    assert not is_signed([b"key"], 41, "n17", "ü" * 20)
