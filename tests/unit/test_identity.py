"""The same mail has the same identity."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.identity import identity

MAIL = (
    b"Message-ID: <1@client.example>\nFrom: a@client.example\nDate: Tue, 4 Mar 2025 10:11:12 +0000\n"
    b"Subject: A long\n subject\nTo: support@example.com\n\nOne\nTwo\n"
)


@pytest.mark.parametrize(
    "same",
    [
        MAIL.replace(b"\n", b"\r\n"),
        b"Received: from x by y\nDelivered-To: support@example.com\n" + MAIL,
        MAIL.replace(b"To: support@example.com", b"To: other@example.com"),
        MAIL.replace(b"A long\n subject", b"A long subject"),
        MAIL.replace(b"Message-ID:", b"Message-Id: "),
        MAIL.rstrip(b"\n"),
    ],
    ids=["line ends", "trace headers", "recipients", "folding", "case", "last line end"],
)
def test_the_way_a_mail_came_makes_no_difference(same: bytes) -> None:
    assert identity(same) == identity(MAIL)


@pytest.mark.parametrize(
    "other",
    [
        MAIL.replace(b"<1@", b"<2@"),
        MAIL.replace(b"From: a@", b"From: b@"),
        MAIL.replace(b"10:11:12", b"10:11:13"),
        MAIL.replace(b"subject\n", b"object\n"),
        MAIL.replace(b"Two", b"Three"),
        MAIL.replace(b"Message-ID: <1@client.example>\n", b""),
        b"From: b@client.example\n" + MAIL,
    ],
    ids=["message id", "sender", "date", "subject", "body", "no message id", "second sender"],
)
def test_another_mail_is_not_swallowed(other: bytes) -> None:
    assert identity(other) != identity(MAIL)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\n", bytes(range(256)), b"From: " + b"a\n " * 1_000_000, b"a: b\n" * 1_000_000, b"\n" * 5_000_000],
    ids=["nothing", "line", "noise", "folded", "headers", "lines"],
)
def test_every_mail_has_an_identity_soon(raw: bytes) -> None:
    started = time.process_time()

    assert len(identity(raw)) == 64
    assert time.process_time() - started < 5
