"""Whom a mail is addressed to, where the server reads it off the mail itself."""

from __future__ import annotations

import pytest

from mailchannel.compose.recipients import misdirected

BOB, EVE = "bob@example.com", "eve@example.com"


@pytest.mark.parametrize(
    ("head", "recipients"),
    [
        ("To: bob@example.com", [BOB]),
        ('to: "B, Bob" <BOB@Example.com>', [BOB]),
        ("To: bob@example.com,\r\n eve@example.com", [BOB, EVE]),
        ("To: bob@example.com\r\nCc: Eve <eve@example.com>", [EVE, BOB]),
        ("To: bob@example.com\r\nBcc: eve@example.com", [EVE, BOB]),
        ("To: =?utf-8?q?J=C3=BCrgen=2C_J?= <bob@example.com>", [BOB]),
        ("To: jürgen@müller.example", ["jürgen@müller.example"]),
        ("Subject: nobody", []),
    ],
)
def test_a_mail_goes_to_whom_it_is_addressed(head: str, recipients: list[str]) -> None:
    for end in ("\r\n", "\n"):
        raw = f"From: support@example.com\r\n{head}\r\n\r\nTo: other@example.com\r\n".replace("\r\n", end)
        assert misdirected(raw.encode(), recipients) == []


@pytest.mark.parametrize(
    ("recipients", "odd"),
    [([], [BOB]), ([EVE], [BOB, EVE]), ([BOB, EVE], [EVE]), ([BOB, "x@example.com"], ["x@example.com"])],
)
def test_whoever_is_left_out_or_too_many_is_named(recipients: list[str], odd: list[str]) -> None:
    assert misdirected(b"To: bob@example.com\r\n\r\nHello\r\n", recipients) == odd


def test_bytes_that_are_no_mail_are_addressed_to_nobody() -> None:
    assert misdirected(b"\xff\xfe\x00", [BOB]) == [BOB]
