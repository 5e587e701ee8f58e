"""Parts, and the limits of reading them."""

from __future__ import annotations

import base64
import quopri
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


MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"
FILE = b"Content-Type: text/csv; name=a.csv\n\nx"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Type: multipart/mixed\n\n--q\nContent-Type: text/plain\n\nThe text.\n--q\n" + FILE + b"\n--q--\n",
        HEAD + b"Content-Type: multipart/mixed; boundary=x\n\n--q\nContent-Type: text/plain\n\nThe text.\n--q\n" + FILE,
        HEAD + b"\n--q\nContent-Type: text/plain\n\nThe text.\n--q\n" + FILE + b"\n--q--\n",
        MIXED + b"--b\n\nThe text.\n--b--\n\n--b\n" + FILE + b"\n--b--\n",
        MIXED + b"--b--\nThe text.\n--b\n" + FILE,
        HEAD + b"Content-Type: multipart/mixed;\nboundary=b\n\n--b\n\nThe text.\n--b\n" + FILE,
        HEAD + b"Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain\n\nThe text.\n--b\n" + FILE,
        HEAD + b"X-Odd: y\ncut off\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThe text.\n--b\n" + FILE,
    ],
    ids=["undeclared", "wrong", "lost", "too early", "only the end", "fold", "merged", "header"],
)  # fmt: skip
def test_parts_are_found_behind_damaged_boundaries_and_headers(raw: bytes) -> None:
    mail = parse(raw)

    assert mail.text == "The text."
    assert [file.filename for file in mail.attachments] == ["a.csv"]
    assert len({part.number for part in mail.parts}) == 2


def test_what_stands_behind_the_closing_boundary_is_said() -> None:
    mail = parse(MIXED + b"--b\n\nThe text.\n--b--\n\nFooter of a list.\n\n--b\n" + FILE + b"\n--b--\nThe end.\n")

    assert mail.text == "The text.\n\nFooter of a list."
    assert mail.defects == ("Something stands behind the closing boundary of a multipart; it was read, too.",)


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
def test_a_multipart_with_a_transfer_encoding_is_opened(encoding: bytes) -> None:
    inner = b"--b\r\n\r\nThe text.\r\n--b\r\n" + FILE + b"\r\n--b--\r\n"
    body = base64.encodebytes(inner) if encoding == b"base64" else quopri.encodestring(inner).replace(b"--b", b"=2D-b")

    mail = parse(MIXED.replace(b"\n\n", b"\nContent-Transfer-Encoding: " + encoding + b"\n\n") + body)

    assert (mail.text, len(mail.attachments)) == ("The text.", 1)
    assert mail.defects == ("A multipart has a transfer encoding; it was undone.",)


@pytest.mark.parametrize(
    "text", [b"Note: it burns.\nHelp!", b"Help!\nDate: today", b"a: b\nc", b"--\nAnn", b"begin 644 x"]
)
def test_a_part_without_headers_keeps_its_words(text: bytes) -> None:
    assert parse(MIXED + b"--b\n" + text + b"\n--b--\n").text == text.decode()


def test_a_part_without_a_blank_line_keeps_its_words() -> None:
    mail = parse(MIXED + b"--b\nContent-Type: text/plain\nHelp!\nDate: today\n--b--\n")

    assert mail.text == "Help!\nDate: today"


def test_words_around_empty_parts_are_shown_but_not_what_programs_say_there() -> None:
    empty = b"--b\nContent-Type: text/plain\n\n\n--b--\n"

    assert parse(MIXED + b"Before.\n" + empty + b"After.\n").text == "Before.\n\nAfter."
    assert parse(MIXED + b"This is a multi-part message in MIME format.\n" + empty).text == ""
    assert parse(MIXED + b"Before.\n" + empty.replace(b"\n\n\n", b"\n\nText.\n") + b"After.\n").text == "Text."


def test_a_status_that_has_no_fields_is_an_explanation_for_people() -> None:
    status = b"--b\nContent-Type: message/delivery-status\n\n"

    mail = parse(MIXED + status + b"Nobody of that name here.\n" + status + b"Reporting-MTA: dns; mx.example\n--b--\n")

    assert mail.text == "Nobody of that name here."
    assert [part.kind for part in mail.attachments] == [PartKind.REPORT]


@pytest.mark.parametrize(
    "hostile",
    [
        b"Content-Type: multipart/mixed\n\n" + b"--a\nContent-x:\n" * 300_000,
        b"\n" + b"--a\nContent-x:\n" * 300_000 + b"--a--",
        b"X: ;\n" + b"a=;\n" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\n" * 4_000 + b"\nx",
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b--\nx\n" * 500_000,
    ],
    ids=["boundaries", "undeclared", "folds", "types", "ends"],
)
def test_mending_costs_little(hostile: bytes) -> None:
    started = time.process_time()

    parse(HEAD + hostile)

    assert time.process_time() - started < 5
