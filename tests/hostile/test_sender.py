"""Who wrote it: whatever two programs could read differently names nobody (ML-01 to ML-11, ML-13, ML-14)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from django.test import Client

from mailchannel.kernel.types import ParsedMail
from mailchannel.models import MailServer, OutboundMail
from tests.hostile.bounded import bounded
from tests.hostile.conftest import Receive, take_in
from tests.hostile.mails import cases, from_header, mail
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOBODY = "rejected.sender_unreadable"
WRONG_DOMAIN = "rejected.domain"


def sender(found: ParsedMail) -> str:
    return found.sender.email if found.sender else ""


def encoded(charset: bytes, content: bytes) -> bytes:
    return b"=?" + charset + b"?b?" + base64.b64encode(content) + b"?="


SMUGGLED = {
    "ML-01-comma": b"=?utf-8?q?mallory=40evil.example=2C?=ann@example.com",
    "ML-01-greater-than": b"<=?utf-8?q?mallory=40evil.example=3E?=ann@example.com>",
    "ML-01-less-than": b"=?utf-8?q?mallory=40evil.example=3C?=ann@example.com",
    "ML-01-NUL": b"=?utf-8?q?mallory=40evil.example=00?=ann@example.com",
    "ML-01-space": b"=?utf-8?q?mallory=40evil.example=20?=ann@example.com",
    "ML-01-underscore": b"<=?utf-8?q?mallory=40evil.example_?=ann@example.com>",
    "ML-01-line-end": b"=?utf-8?q?mallory=40evil.example=0D=0A?=ann@example.com",
    "ML-01-base64": encoded(b"utf-8", b"mallory@evil.example,") + b"ann@example.com",
    "ML-01-whole-address": encoded(b"utf-8", b"ann@example.com"),
    "ML-01-whole-address-in-brackets": b"<" + encoded(b"utf-8", b"ann@example.com") + b">",
    "ML-01-domain": b"mallory@" + encoded(b"utf-8", b"example.com"),
    "ML-01-behind-the-address": b"<ann@example.com=?utf-8?q?=2C?=mallory@evil.example>",
    "ML-01-in-pieces": b"=?utf-8?q?ann=40?= =?utf-8?q?example.com?=",
    "ML-01-quoted": b'"=?utf-8?q?mallory=40evil.example=3E?="@example.com',
    "ML-01-unfinished": b"=?utf-8?q?mallory=40evil.example@example.com",
    "ML-01-not-separated": b"ann=?utf-8?q?=2Cmallory?=@example.com",
    "ML-01-unknown-charset": b"=?x-no-such?q?mallory=40evil.example=2C?=ann@example.com",
    "ML-01-hides-a-bracket": b"=?utf-8?q?<mallory@evil.example>?= <ann@example.com>",
    "ML-01-hides-a-quote": b'=?utf-8?q?"?= <ann@example.com> (" <mallory@evil.example>)',
    "ML-01-language": b"=?utf-8*en?q?mallory=40evil.example=2C?=ann@example.com",
    "ML-02-utf-7": b"=?utf-7?q?mallory+AEA-evil.example+ACw-?=ann@example.com",
    "ML-02-utf-7-in-brackets": b"<=?utf-7?q?mallory+AEA-evil.example+AD4-?=ann@example.com>",
    "ML-02-utf-7-base64": encoded(b"utf-7", b"mallory+AEA-evil.example+ACw-") + b"ann@example.com",
    "ML-02-utf-7-domain": b"mallory@=?utf-7?q?example+AC4-com?=",
    "ML-02-utf-16": encoded(b"utf-16", "mallory@evil.example,".encode("utf-16")) + b"ann@example.com",
    "ML-02-utf-7-in-the-open": b"ann+AEA-example.com",
    "ML-03-two": b"ann@example.com@evil.example",
    "ML-03-two-in-brackets": b"<mallory@evil.example@example.com>",
    "ML-03-quoted": b'"mallory@evil.example"@example.com',
    "ML-03-adjacent": b"ann@@example.com",
    "ML-03-route": b"<@evil.example:ann@example.com>",
    "ML-03-percent-and-two": b"ann%evil.example@example.com@example.com",
    "ML-03-end": b"ann@example.com@",
    "ML-03-begin": b"@ann@example.com",
    "ML-07-two": b"ann@example.com, mallory@evil.example",
    "ML-07-two-in-brackets": b"Ann <ann@example.com>, Mallory <mallory@evil.example>",
    "ML-07-two-addresses-in-one-bracket": b"<ann@example.com,mallory@evil.example>",
    "ML-07-two-without-a-comma": b"<ann@example.com><mallory@evil.example>",
    "ML-07-two-with-a-blank": b"<ann@example.com> <mallory@evil.example>",
    "ML-07-semicolon": b"ann@example.com; mallory@evil.example",
    "ML-07-semicolon-in-the-bracket": b"<ann@example.com;mallory@evil.example>",
    "ML-07-group": b"Friends: ann@example.com;",
    "ML-07-group-of-two": b"Friends: ann@example.com, mallory@evil.example;",
    "ML-07-empty-group": b"undisclosed-recipients:;",
    "ML-07-group-and-mailbox": b"Friends:; ann@example.com",
    "ML-07-comma-alone": b",ann@example.com",
    "ML-07-trailing-comma": b"ann@example.com,",
    "ML-07-comma-before-the-bracket": b"mallory@evil.example, <ann@example.com>",
    "ML-07-semicolon-before-the-bracket": b"mallory@evil.example; <ann@example.com>",
    "ML-07-group-before-the-bracket": b"mallory@evil.example: <ann@example.com>",
    "ML-07-folded": b"ann@example.com,\r\n mallory@evil.example",
    "ML-10-blank-in-the-domain": b"ann@exam ple.com",
    "ML-10-blank-after-the-at": b"ann@ example.com",
    "ML-10-blank-before-the-at": b"ann @example.com",
    "ML-10-tab": b"ann@exam\tple.com",
    "ML-10-fold": b"ann@exam\r\n ple.com",
    "ML-10-fold-after-the-at": b"<ann@\r\n example.com>",
    "ML-10-before-the-dot": b"ann@example .com",
    "ML-10-after-the-dot": b"ann@example. com",
    "ML-10-more-words": b"ann@example.com mallory",
    "ML-10-bare-carriage-return": b"ann@exam\rple.com",
    "ML-10-vertical-tab": b"ann@exam\x0bple.com",
    "ML-10-no-break-space": "ann@exam\u00a0ple.com".encode(),
    "ML-10-in-the-bracket": b"Ann <ann@example.com evil.example>",
    "ML-11-cyrillic": "ann@ex\u0430mple.com".encode(),
    "ML-11-full-width": "ann@ｅxample.com".encode(),
    "ML-11-full-width-at": "ann＠example.com".encode(),
    "ML-11-ideographic-dot": "ann@example。com".encode(),
    "ML-11-half-width-dot": "ann@example｡com".encode(),
    "ML-11-zero-width-space": "ann@exam\u200bple.com".encode(),
    "ML-11-zero-width-joiner": "ann@exam\u200dple.com".encode(),
    "ML-11-soft-hyphen": "ann@exam\u00adple.com".encode(),
    "ML-11-byte-order-mark": "ann@\ufeffexample.com".encode(),
    "ML-11-right-to-left": "ann@\u202emoc.elpmaxe".encode(),
    "ML-11-sharp-s": "ann@exampleß.com".encode(),
    "ML-11-long-s": "ann@eſample.com".encode(),
    "ML-11-kelvin": "ann@example.\u212aom".encode(),
    "ML-11-kelvin-alone": "ann@\u212a.example".encode(),
    "ML-11-encoded-homograph": b"ann@=?utf-8?q?ex=D0=B0mple.com?=",
    "ML-11-latin-1": b"ann@ex\xe4mple.com",
    "ML-11-tag-characters": "ann@example.com\U000e0065".encode(),
}


@pytest.mark.req("ML-01", "ML-02", "ML-03", "ML-07", "ML-10", "ML-11")
@cases(SMUGGLED)
def test_an_address_that_can_be_read_in_two_ways_is_nobodys(case: bytes, guarded: MailServer) -> None:
    assert bounded(from_header(case), lambda found: (sender(found), bool(found.sender_problem))) == ("", True)

    (row,) = take_in(guarded, from_header(case))

    assert (row.reason, row.ticket) == (NOBODY, None)
    assert row.because
    assert not Ticket.objects.exists() and not OutboundMail.objects.exists()


@dataclass(frozen=True)
class Never:
    """A From header, and whom it must not be taken for; the other address, or nobody, is fine."""

    value: bytes
    name: str


AMBIGUOUS = {
    "ML-04-quoted-local-part": Never(b'"ann@evil.example"@example.com', "evil"),
    "ML-04-escaped-quote": Never(rb'"ann\"@evil.example> x"@example.com', "evil"),
    "ML-04-bracket-inside": Never(b'"<mallory@evil.example>"@example.com', "evil"),
    "ML-04-blank-inside": Never(b'"ann weber"@example.com', "evil"),
    "ML-04-harmless": Never(b'"ann"@example.com', "evil"),
    "ML-04-empty": Never(b'""@example.com', "evil"),
    "ML-04-unfinished": Never(b'"ann@example.com', "evil"),
    "ML-04-two-strings": Never(b'"mallory@evil.example""x"@example.com', "evil"),
    "ML-09-comment-behind": Never(b"mallory@evil.example (ann@example.com)", "ann@"),
    "ML-09-comment-before": Never(b"(ann@example.com) mallory@evil.example", "ann@"),
    "ML-09-comment-before-the-bracket": Never(b"(ann@example.com) <mallory@evil.example>", "ann@"),
    "ML-09-comment-in-the-bracket": Never(b"<mallory@evil.example(ann@example.com)>", "ann@"),
    "ML-09-closing-alone": Never(b"ann@example.com)mallory@evil.example", "@"),
    "ML-09-opening-alone": Never(b"ann@example.com(mallory@evil.example", "@"),
    "ML-09-comment-in-the-domain": Never(b"ann@example.com(.evil).example", "@"),
    "ML-09-comment-around-the-at": Never(b"ann(mallory@evil.example)@(x)example.com", "evil"),
    "ML-09-nested": Never(b"mallory@evil.example (a (ann@example.com) b)", "ann@"),
    "ML-09-escaped": Never(rb"mallory@evil.example (\) ann@example.com)", "ann@"),
    "ML-09-quote-in-comment": Never(b'mallory@evil.example (") ann@example.com (")', "@"),
    "ML-09-quote-and-bracket": Never(b'"(" <mallory@evil.example> ")" <ann@example.com>', "@"),
    "ML-09-unbalanced-in-quotes": Never(b'"ann@example.com (" <mallory@evil.example>', "ann@"),
    "ML-09-comment-never-closed": Never(b"(ann@example.com <mallory@evil.example>", "@"),
    "ML-09-quote-never-closed": Never(b'"ann@example.com <mallory@evil.example>', "@"),
    "ML-09-folded": Never(b"mallory@evil.example (\r\n ann@example.com\r\n )", "ann@"),
    "ML-09-encoded-comment": Never(b"mallory@evil.example (=?utf-8?q?ann=40example.com?=)", "ann@"),
}


@pytest.mark.req("ML-04", "ML-09")
@cases(AMBIGUOUS)
def test_quotes_and_comments_never_name_the_wrong_one(case: Never) -> None:
    assert case.name not in bounded(from_header(case.value), sender)


LOOK_ALIKES = {
    "ML-05-suffix": b"ann@example.com.evil.example",
    "ML-05-prefix": b"ann@evil-example.com",
    "ML-05-glued": b"ann@evilexample.com",
    "ML-05-subdomain": b"ann@mail.example.com",
    "ML-05-shorter": b"ann@ample.com",
    "ML-05-top-level": b"ann@com",
    "ML-05-other-ending": b"ann@example.co",
    "ML-05-longer-ending": b"ann@example.comm",
    "ML-05-as-local-part": b"example.com@evil.example",
    "ML-05-plus": b"ann+example.com@evil.example",
    "ML-05-percent": b"ann%example.com@evil.example",
    "ML-05-bang": b"example.com!ann@evil.example",
    "ML-05-underscore": b"ann@example_com",
    "ML-06-address-as-name": b'"ann@example.com" <mallory@evil.example>',
    "ML-06-address-as-bare-name": b"ann <mallory@evil.example>",
    "ML-06-bracket-in-the-name": b'"Ann <ann@example.com>" <mallory@evil.example>',
    "ML-06-encoded-name": b"=?utf-8?q?ann=40example.com?= <mallory@evil.example>",
    "ML-06-encoded-bracket": b"=?utf-8?q?Ann_=3Cann=40example.com=3E?= <mallory@evil.example>",
    "ML-06-right-to-left": "\u202emoc.elpmaxe@nna <mallory@evil.example>".encode(),
    "ML-06-many-blanks": b'"ann@example.com' + b" " * 300 + b'" <mallory@evil.example>',
    "ML-06-line-end-in-the-name": b"=?utf-8?q?Ann=0D=0AFrom:_ann=40example.com?= <mallory@evil.example>",
    "ML-11-punycode": b"ann@xn--exmple-cua.com",
    "ML-11-punycode-of-ascii": b"ann@xn--example-.com",
}


@pytest.mark.req("ML-05", "ML-06", "ML-11")
@cases(LOOK_ALIKES)
def test_another_domain_stays_another_domain(case: bytes, guarded: MailServer) -> None:
    (row,) = take_in(guarded, from_header(case))

    assert row.reason in (WRONG_DOMAIN, NOBODY)
    assert row.sender != "ann@example.com" and not Ticket.objects.exists()


@pytest.mark.req("ML-05")
def test_ml_05_the_domain_itself_is_let_in(guarded: MailServer) -> None:
    written = [b"ann@example.com", b"Ann Weber <ann@example.com>", b"ANN@EXAMPLE.COM", b"ann@example.com (Ann)"]
    rows = take_in(guarded, *[from_header(value, b"X-Number: %d" % at) for at, value in enumerate(written)])

    assert {(row.sender, row.outcome) for row in rows if not row.duplicate_of} == {("ann@example.com", "opened")}


NAMES = {
    "ML-06-address-as-name": b'"support@example.com" <mallory@evil.example>',
    "ML-06-encoded-name": b"=?utf-8?q?support=40example.com?= <mallory@evil.example>",
    "ML-06-display-name-of-blanks": b'"\xc2\xa0 \xe2\x80\x8b" <mallory@evil.example>',
    "ML-06-right-to-left": "\u202eAnn <mallory@evil.example>".encode(),
}


@pytest.mark.req("ML-06")
@cases(NAMES)
def test_the_page_shows_the_address_beside_the_name(case: bytes, receive: Receive, desk: Client) -> None:
    row = receive(from_header(case))

    page = desk.get(f"/tickets/{Ticket.objects.get().number}/").content.decode()

    assert row.sender == "mallory@evil.example"
    assert "mallory@evil.example" in page and "\u202e" not in page


DOUBLED = {
    "ML-08-two-headers": mail(b"From: mallory@evil.example"),
    "ML-08-two-headers-the-same": mail(b"From: Ann Weber <ann@example.com>"),
    "ML-08-different-case": mail(b"FROM: mallory@evil.example"),
    "ML-08-blank-before-the-colon": mail(sender=b"From : ann@example.com"),
    "ML-08-tab-before-the-colon": mail(sender=b"From\t: ann@example.com"),
    "ML-08-one-with-a-blank": mail(b"From : mallory@evil.example"),
    "ML-08-indented-first-line": b" From: mallory@evil.example\r\n" + mail(),
    "ML-08-only-an-indented-one": b" From: ann@example.com\r\n" + mail(sender=None),
    "ML-08-indented-by-a-tab": b"\tFrom: ann@example.com\r\n" + mail(sender=None),
    "ML-08-behind-a-bare-return": mail(b"X-A: b\rFrom: mallory@evil.example", sender=None),
    "ML-08-no-break-space": mail(b"From\xc2\xa0: ann@example.com", sender=None),
    "ML-08-NUL-in-the-name": mail(b"Fr\x00om: ann@example.com", sender=None),
    "ML-08-three": mail(b"From: b@example.com", b"From: c@example.com"),
    "ML-08-folded-into-another": mail(b"X-A: b\r\n From: ann@example.com", sender=None),
}


@pytest.mark.req("ML-08")
@cases(DOUBLED)
def test_not_exactly_one_plain_from_header_names_nobody(case: bytes, guarded: MailServer) -> None:
    (row,) = take_in(guarded, case)

    assert (row.outcome, row.reason) == ("rejected", NOBODY)
    assert not Ticket.objects.exists()


OTHERS = (b"Reply-To", b"Sender", b"Return-Path", b"X-Sender", b"X-Original-From", b"Resent-From", b"X-Envelope-From",
          b"Errors-To", b"X-Google-Original-From", b"X-Forwarded-For", b"Delivered-To", b"Disposition-Notification-To",
          b"X-Mailer-From", b"Envelope-From", b"Apparently-From", b"X-Real-From")  # fmt: skip


@pytest.mark.req("ML-13")
@pytest.mark.parametrize("header", OTHERS, ids=lambda header: f"ML-13-{header.decode()}")
def test_no_other_header_makes_somebody_the_sender(header: bytes, receive: Receive, guarded: MailServer) -> None:
    allowed = header + b": Ann Weber <ann@example.com>"

    assert receive(from_header(b"mallory@evil.example", allowed)).reason == WRONG_DOMAIN
    assert receive(mail(allowed, sender=None)).reason == NOBODY
    assert receive(mail(header + b": mallory@evil.example", message_id=b"Message-ID: <2@example.com>")).ticket
    assert Ticket.objects.get().requester.email == "ann@example.com"


ABSENT = {
    "ML-14-no-From": None,
    "ML-14-empty": b"From:",
    "ML-14-blanks": b"From: \t ",
    "ML-14-null": b"From: <>",
    "ML-14-name-only": b"From: Ann Weber",
    "ML-14-name-and-null": b"From: Ann Weber <>",
    "ML-14-at-only": b"From: @",
    "ML-14-no-local-part": b"From: <@example.com>",
    "ML-14-no-domain": b"From: <ann@>",
    "ML-14-comment-only": b"From: (ann@example.com)",
    "ML-14-daemon": b"From: MAILER-DAEMON",
}


@pytest.mark.req("ML-14")
@cases(ABSENT)
def test_a_mail_of_nobody_is_listed_and_never_answered(case: bytes | None, receive: Receive) -> None:
    row = receive(mail(sender=case))

    assert row.reason in (NOBODY, "ignored.bounce")
    assert row.because and row.subject == "Printer on fire"
    assert not Ticket.objects.exists() and not OutboundMail.objects.exists()


@pytest.mark.req("ML-14")
def test_ml_14_every_reason_names_what_stood_there(guarded: MailServer) -> None:
    wrong, doubled = take_in(guarded, from_header(b"a@b@example.com"), mail(b"From: mallory@evil.example"))

    assert "a@b@example.com" in wrong.because
    assert "2 From" in doubled.because
