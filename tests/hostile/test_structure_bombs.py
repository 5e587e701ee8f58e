"""Mails built to exhaust whoever reads them: each has its budget of CPU time and memory (ML-19 to ML-23)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mailchannel.models import MailServer, OutboundMail
from tests.hostile.bounded import bounded, in_time, measured, parsed, within
from tests.hostile.conftest import Receive, take_in
from tests.hostile.mails import (
    cases,
    file,
    from_header,
    mail,
    multipart,
    nested_messages,
    nested_multiparts,
    part,
    text,
    together,
)
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

TOO_COMPLEX = "failed.too_complex"


@dataclass(frozen=True)
class Bomb:
    """Built only when it is used; `seconds` of CPU and `megabytes` are what reading it may cost."""

    build: Callable[[], bytes]
    seconds: float = 5
    megabytes: float = 300


def check_listed(receive: Receive, raw: bytes) -> None:
    """A ticket, or a visible failure; the original is kept either way."""
    row = receive(raw)

    assert row.reason in ("accepted.new", TOO_COMPLEX), row.because
    assert row.outcome == "opened" or row.because
    assert row.raw.content == raw


def wide(count: int) -> bytes:
    return multipart(*[text(b"part")] * count)


def same_boundary(depth: int) -> bytes:
    kind = b'Content-Type: multipart/mixed; boundary="frontier"'
    return mail(kind, body=b"".join(b"--frontier\r\n" + kind + b"\r\n\r\n" for _ in range(depth)))


def prefixed_boundaries(depth: int) -> bytes:
    """Each boundary begins with the one outside it: whoever compares beginnings only sees the wrong ends."""
    body = b"innermost"
    for level in reversed(range(depth)):
        inside = b'Content-Type: multipart/mixed; boundary="%s"' % (b"b" * (level + 2))
        body = together([part(body, inside if level < depth - 1 else b"Content-Type: text/plain")], b"b" * (level + 1))
    return mail(b'Content-Type: multipart/mixed; boundary="b"', body=body)


def alternating(depth: int) -> bytes:
    """Messages in multiparts in messages."""
    body = b"".join(
        b"--b%d\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
        % (level, level + 1)
        for level in range(depth)
    )
    return mail(b"Content-Type: multipart/mixed; boundary=b0", body=body)


def look_alikes(depth: int, count: int) -> bytes:
    """Nested multiparts; the lines inside the last one begin with the boundary of each of them."""
    raw = re.sub(rb"\bb(\d+)\b", lambda found: b"b" * (depth - int(found[1])), nested_multiparts(depth))
    return raw.replace(b"deep down", (b"--" + b"b" * depth + b" no\r\n") * count)


DEEP = {
    "ML-19-3000-multiparts": Bomb(lambda: nested_multiparts(3_000)),
    "ML-19-20000-multiparts": Bomb(lambda: nested_multiparts(20_000), seconds=8),
    "ML-19-1500-messages": Bomb(lambda: nested_messages(1_500)),
    "ML-19-30000-messages": Bomb(lambda: nested_messages(30_000)),
    "ML-19-1500-messages-in-multiparts": Bomb(lambda: alternating(1_500)),
    "ML-19-3000-of-one-boundary": Bomb(lambda: same_boundary(3_000)),
    "ML-19-500-prefixed-boundaries": Bomb(lambda: prefixed_boundaries(500)),
    "ML-19-digests": Bomb(lambda: nested_multiparts(3_000).replace(b"multipart/mixed", b"multipart/digest")),
    "ML-19-alternatives": Bomb(lambda: nested_multiparts(3_000).replace(b"multipart/mixed", b"multipart/alternative")),
    "ML-19-signed": Bomb(lambda: nested_multiparts(3_000).replace(b"multipart/mixed", b"multipart/signed")),
    "ML-19-forwarded-in-base64": Bomb(lambda: multipart(file(nested_multiparts(3_000), kind=b"message/rfc822"))),
    "ML-20-10000-parts": Bomb(lambda: wide(10_000)),
    "ML-20-100000-parts": Bomb(lambda: wide(100_000), seconds=10),
    "ML-20-3000-files": Bomb(lambda: multipart(*[file(b"x", b'filename="x"')] * 2_990), seconds=10),
    "ML-20-10000-files": Bomb(lambda: multipart(*[file(b"x", b'filename="x"')] * 10_000), seconds=10),
    "ML-20-10000-empty-parts": Bomb(lambda: mail(b"Content-Type: multipart/mixed; boundary=f", body=b"--f\r\n" * 10_000)),
    "ML-20-1000000-boundary-lines": Bomb(
        lambda: mail(b"Content-Type: multipart/mixed; boundary=f", body=b"--f\n" * 1_000_000), seconds=10
    ),
    "ML-20-1000000-look-alikes": Bomb(
        lambda: mail(b"Content-Type: multipart/mixed; boundary=f", body=b"--f no\n" * 1_000_000), seconds=10
    ),
    "ML-20-500000-look-alikes-at-90-levels": Bomb(lambda: look_alikes(90, 500_000), seconds=10),
    "ML-20-boundary-of-a-dash": Bomb(lambda: mail(b"Content-Type: multipart/mixed; boundary=-", body=b"-" * 3_000_000)),
    "ML-20-10000-html-parts": Bomb(lambda: multipart(*[text(b"<p>x", b"html")] * 10_000)),
    "ML-20-2900-html-parts": Bomb(lambda: multipart(*[text(b"<b>" * 200, b"html")] * 2_900), seconds=10),
    "ML-20-closed-early": Bomb(lambda: wide(2_000) + wide(8_000)),
}  # fmt: skip


@pytest.mark.req("ML-19", "ML-20")
@cases(DEEP)
def test_endless_structure_is_given_up_in_time(case: Bomb, receive: Receive) -> None:
    raw = case.build()

    parsed(raw, seconds=case.seconds, megabytes=case.megabytes)

    check_listed(receive, raw)


@pytest.mark.req("ML-19")
def test_ml_19_what_is_too_complex_says_so_and_shows_its_beginning(receive: Receive) -> None:
    row = receive(nested_multiparts(3_000))

    assert (row.outcome, row.reason) == ("failed", TOO_COMPLEX)
    assert "nested more than" in row.because
    assert row.subject == "Printer on fire" and row.sender == "ann@example.com"
    assert bounded(nested_multiparts(3_000), lambda found: found.text).startswith("--b0")


@pytest.mark.req("ML-20")
def test_ml_20_others_pass_beside_the_bomb(server: MailServer) -> None:
    rows = take_in(server, mail(), wide(10_000), mail(message_id=b"Message-ID: <2@example.com>"))

    assert [row.outcome for row in rows] == ["opened", "failed", "opened"]


LONG_HEADERS = {
    "ML-21-plain": Bomb(lambda: mail(b"X-Long: " + b"a" * 10_000_000)),
    "ML-21-folded": Bomb(lambda: mail(b"X-Long: a" + b"\r\n a" * 2_500_000)),
    "ML-21-folded-by-tabs": Bomb(lambda: mail(b"X-Long: a" + b"\n\t" * 5_000_000)),
    "ML-21-blank-folds": Bomb(lambda: mail(b"X-Long:" + b"\r\n " * 3_000_000)),
    "ML-21-subject": Bomb(lambda: mail(subject=b"Subject: " + b"a " * 5_000_000)),
    "ML-21-subject-folded": Bomb(lambda: mail(subject=b"Subject: a" + b"\r\n a" * 2_500_000)),
    "ML-21-subject-in-8-bits": Bomb(lambda: mail(subject=b"Subject: " + b"\xe4\xf6" * 5_000_000)),
    "ML-21-references": Bomb(lambda: mail(b"References: " + b"<a@example.com> " * 600_000)),
    "ML-21-received": Bomb(lambda: mail(b"Received: " + b"from a by b; " * 700_000)),
    "ML-21-content-type": Bomb(lambda: mail(b"Content-Type: text/plain; x=" + b'\\"' * 5_000_000)),
    "ML-21-boundary": Bomb(lambda: mail(b'Content-Type: multipart/mixed; boundary="' + b"-" * 10_000_000 + b'"')),
    "ML-21-behind-the-others": Bomb(lambda: mail(b"X-Long: " + b"=?utf-8?q?" * 1_000_000)),
    "ML-21-without-a-colon": Bomb(lambda: mail(b"a" * 10_000_000)),
    "ML-21-dots": Bomb(lambda: mail(b"Message-ID-2: <" + b"." * 10_000_000)),
    "ML-21-no-line-ends": Bomb(lambda: mail().replace(b"\r\n", b"\r") + b"a\r" * 5_000_000),
    "ML-21-in-a-part": Bomb(lambda: multipart(text(b"x"), part(b"y", b"Content-Type: text/plain; a=" + b";" * 9_000_000))),
}  # fmt: skip


@pytest.mark.req("ML-21")
@cases(LONG_HEADERS)
def test_a_header_of_ten_megabytes_is_read_in_time(case: Bomb, receive: Receive) -> None:
    raw = case.build()

    parsed(raw, seconds=case.seconds, megabytes=case.megabytes)

    check_listed(receive, raw)


@pytest.mark.req("ML-21")
def test_ml_21_a_sender_beyond_what_is_read_is_no_sender(receive: Receive) -> None:
    row = receive(mail(b"X-Long: " + b"a" * 10_000_000, b"From: ann@example.com", sender=None))

    assert row.reason == "rejected.sender_unreadable"


def addresses(separator: bytes, shape: bytes = b"p%d@example.com", count: int = 20_000) -> bytes:
    return separator.join(shape % number for number in range(count))


def many(shape: bytes, count: int = 20_000) -> bytes:
    return b"".join(shape % number if b"%d" in shape else shape for number in range(count))


MANY = {
    "ML-22-20000-recipients": Bomb(lambda: mail(to=b"To: " + addresses(b", "))),
    "ML-22-20000-recipients-folded": Bomb(lambda: mail(to=b"To: " + addresses(b",\r\n "))),
    "ML-22-20000-recipients-named": Bomb(lambda: mail(to=b"To: " + addresses(b",\r\n\t", b'"P, Q" <p%d@x.example>'))),
    "ML-22-20000-recipients-in-cc": Bomb(lambda: mail(b"Cc: " + addresses(b","))),
    "ML-22-20000-To-headers": Bomb(lambda: mail(*[b"To: p%d@example.com" % number for number in range(20_000)])),
    "ML-22-20000-Cc-headers": Bomb(lambda: mail(*[b"Cc: p%d@example.com" % n for n in range(20_000)])),
    "ML-22-20000-recipients-in-a-group": Bomb(lambda: mail(to=b"To: all: " + addresses(b",") + b";")),
    "ML-22-20000-recipients-encoded": Bomb(lambda: mail(to=b"To: " + addresses(b", ", b"=?utf-8?q?P?= <p%d@x.example>"))),
    "ML-22-20000-recipients-non-ascii": Bomb(lambda: mail(to=b"To: " + addresses(b", ", b"p@\xc3\xa4%d.example"))),
    "ML-22-20000-commas": Bomb(lambda: mail(to=b"To: " + b"," * 60_000)),
    "ML-22-20000-ats": Bomb(lambda: mail(to=b"To: " + b"@" * 60_000)),
    "ML-22-20000-parameters": Bomb(lambda: mail(b"Content-Type: text/plain" + many(b"; p%d=x"))),
    "ML-22-20000-parameters-quoted": Bomb(lambda: mail(b"Content-Type: text/plain" + many(b'; p%d="x;"'))),
    "ML-22-20000-parameters-of-one-name": Bomb(lambda: mail(b"Content-Type: text/plain" + many(b"; charset=x"))),
    "ML-22-20000-pieces-of-a-name": Bomb(
        lambda: multipart(text(b"x"), file(b"y", b"x=y" + many(b"; filename*%d*=%%41")))
    ),
    "ML-22-pieces-with-huge-numbers": Bomb(
        lambda: multipart(text(b"x"), file(b"y", b"x=y" + many(b"; filename*9999999%d=a", 3_000)))
    ),
    "ML-22-20000-encoded-words": Bomb(lambda: mail(subject=b"Subject: " + many(b"=?utf-8?q?word?= ")), seconds=3),
    "ML-22-20000-encoded-words-folded": Bomb(lambda: mail(subject=b"Subject: " + many(b"=?utf-8?q?word?=\r\n "))),
    "ML-22-40000-encoded-words": Bomb(lambda: mail(subject=b"Subject: " + many(b"=?utf-8?b?d29yZA==?=", 40_000))),
    "ML-22-encoded-words-of-charsets": Bomb(lambda: mail(subject=b"Subject: " + many(b"=?x-%d?q?word?= ", 3_000))),
    "ML-22-encoded-words-in-20000-headers": Bomb(lambda: mail(*[b"X-%d: =?utf-8?q?w?=" % n for n in range(20_000)])),
    "ML-22-encoded-words-in-the-sender": Bomb(lambda: from_header(many(b"=?utf-8?q?w?= ", 3_000) + b"<ann@example.com>")),
    "ML-22-encoded-words-never-closed": Bomb(lambda: mail(subject=b"Subject: " + many(b"=?utf-8?q?word "))),
    "ML-22-encoded-words-half-open": Bomb(lambda: mail(subject=b"Subject: " + b"=?" * 30_000)),
    "ML-22-encoded-words-half-closed": Bomb(lambda: mail(subject=b"Subject: =?a?q?" + b"?" * 60_000)),
    "ML-22-encoded-words-in-a-file-name": Bomb(
        lambda: multipart(text(b"x"), file(b"y", b'filename="' + many(b"=?utf-8?q?word?= ") + b'"'))
    ),
    "ML-22-100000-headers": Bomb(lambda: mail(*[b"X-%d: y" % number for number in range(100_000)])),
    "ML-22-100000-headers-of-one-name": Bomb(lambda: mail(*[b"Received: y"] * 100_000)),
    "ML-22-100000-references": Bomb(lambda: mail(b"References: " + many(b"<%d@example.com> ", 100_000))),
    "ML-22-100000-headers-in-a-part": Bomb(lambda: multipart(text(b"x"), part(b"y", *[b"X: y"] * 100_000))),
    "ML-22-headers-in-2000-parts": Bomb(
        lambda: multipart(*[part(b"y", b"Content-Type: text/plain", *[b"X: y"] * 500)] * 2_000), seconds=10, megabytes=300
    ),
}  # fmt: skip


@pytest.mark.req("ML-22")
@cases(MANY)
def test_thousands_of_one_thing_cost_little(case: Bomb, receive: Receive) -> None:
    raw = case.build()

    parsed(raw, seconds=case.seconds, megabytes=case.megabytes)

    row = receive(raw)
    assert row.outcome == "opened", row.because
    assert Ticket.objects.get().notes.get().recipients[50:] == []


BIG = {
    "ML-23-30-MB-file": lambda: multipart(text(b"See the file."), file(b"\x00\xff\x55" * 10_000_000)),
    "ML-23-30-MB-of-text": lambda: mail(body=b"Nothing works any more.\r\n" * 1_200_000),
    "ML-23-30-MB-in-one-line": lambda: mail(body=b"x" * 30_000_000),
}


@pytest.mark.req("ML-23")
@cases(BIG)
def test_a_mail_of_thirty_megabytes_is_a_ticket(case: Callable[[], bytes], receive: Receive) -> None:
    raw = case()

    parsed(raw, seconds=10, megabytes=400)
    row = receive(raw)

    assert row.outcome == "opened", row.because
    note = Ticket.objects.get().notes.get()
    assert len(note.text) > 28_000_000 or note.attachments.exists() or "attachment.size" in str(row.manifest)
    assert row.raw.content == raw


@pytest.mark.req("ML-23")
def test_ml_23_a_mail_of_a_hundred_megabytes_is_listed_as_too_big(receive: Receive, server: MailServer) -> None:
    raw = mail(body=(b"x" * 998 + b"\r\n") * 100_000)

    row = receive(raw)

    assert (row.outcome, row.reason, row.size) == ("failed", "failed.too_big", len(raw))
    assert "is more than 50,000,000" in row.because and row.subject == "Printer on fire"
    assert not Ticket.objects.exists() and not OutboundMail.objects.exists()


def test_a_bomb_for_the_tests_themselves_is_stopped() -> None:
    """The child is ended by its limits, so a defect cannot take the machine along."""

    def spin() -> None:
        end = time.process_time() + 60
        while time.process_time() < end:
            pass

    with pytest.raises(AssertionError, match="died: SIGXCPU"):
        measured(spin, seconds=0.1, megabytes=10)
    with pytest.raises(AssertionError, match="more than the 0.1 s"), in_time(0.1):
        spin()
    with pytest.raises(AssertionError, match="MemoryError"):
        measured(lambda: len(b"x" * 2_000_000_000), seconds=5, megabytes=50)
    with pytest.raises(AssertionError, match="MB, 10 are allowed"):
        within(lambda: len(b"x" * 40_000_000), seconds=5, megabytes=10)
