"""Parts, and the limits of reading them."""

from __future__ import annotations

import time

import pytest

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.limits import Limits
from mailchannel.parsing.mime import parse

HEAD = b"From: a@client.example\nSubject: x\nMIME-Version: 1.0\n"


def nested(depth: int) -> bytes:
    return (
        HEAD
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
        + b"\nHi"
    )


def many_parts(number: int) -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * number + b"--b--\n"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (nested(3_000), "nested more than 100 deep"),
        (many_parts(10_000), "more than 3000 parts"),
        (HEAD + b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"\n---x" * 100_000, "look like the boundary"),
    ],
    ids=["depth", "parts", "boundaries"],
)
def test_a_mail_beyond_the_limits_is_flat_text_with_a_reason(raw: bytes, why: str) -> None:
    mail = parse(raw)

    assert why in mail.too_complex
    assert mail.sender is not None
    assert (mail.subject, mail.attachments) == ("x", ())
    assert mail.text


def test_a_mail_within_the_limits_is_read_to_the_end() -> None:
    assert parse(nested(50)).text == "Hi"
    assert parse(nested(50)).too_complex == ""
    assert parse(nested(5), limits=Limits(depth=3)).too_complex


def test_attached_mails_inside_each_other_are_one_file() -> None:
    mail = parse(HEAD + b"Content-Type: message/rfc822\n\n" * 1_500 + b"Hi")

    assert [part.kind for part in mail.attachments] == [PartKind.MESSAGE]


def test_an_attached_mail_keeps_its_bytes() -> None:
    inner = b"From: x@other.example\r\nX-Odd : \xff\xfe\r\n\r\nBody without end"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"

    mail = parse(raw + inner + b"\r\n--b--\r\n")

    assert mail.attachments[0].content == inner


@pytest.mark.parametrize(
    "header",
    [
        b"X-Long: " + b"a" * 10_000_000,
        b"X-Folded: " + b"a\n " * 1_000_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000,
        b"To: " + b"a@x.example, " * 20_000,
        b"Content-Type: text/plain; " + b"a=b; " * 20_000,
        b"".join(b"X-%d: y\n" % number for number in range(100_000)) + b"X: y",
    ],
    ids=["long", "folded", "words", "addresses", "parameters", "headers"],
)
def test_a_huge_header_block_costs_little(header: bytes) -> None:
    started = time.process_time()

    mail = parse(HEAD + header + b"\n\nThe text.\n")

    assert time.process_time() - started < 5
    assert mail.text == "The text."


def test_only_the_headers_may_have_been_fetched() -> None:
    mail = parse(HEAD + b"\n", size=70_000_000)

    assert (mail.size, mail.text, mail.attachments) == (70_000_000, "", ())


def test_lines_may_end_as_they_like() -> None:
    unix = HEAD + b"\nOne\nTwo\n"

    assert {parse(unix.replace(b"\n", end)).text for end in (b"\n", b"\r\n", b"\r")} == {"One\nTwo"}


def test_a_boundary_that_never_comes_hides_nothing() -> None:
    mail = parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\nThe text.\n")

    assert mail.text == "The text."


def test_a_boundary_that_begins_like_another_is_not_it() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\n--b--x\ntext\n--b--\nafter"

    assert parse(raw).text == "--bb\n--b--x\ntext"
