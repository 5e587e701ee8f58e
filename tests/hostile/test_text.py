"""Text nobody expects: NUL, half letters, endless lines, unknown charsets; it is stored, whatever the database
(ML-12, ML-15 to ML-18, ML-24, ML-25).
"""

from __future__ import annotations

import base64
import re

import pytest
from django.db.models import CharField, Model

from mailchannel.models import InboundMail
from tests.hostile.bounded import bounded
from tests.hostile.conftest import Receive
from tests.hostile.mails import cases, file, from_header, html, mail, multipart, part, text, with_file
from tests.hostile.reading import storable
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def check_stored(row: InboundMail, raw: bytes) -> Ticket:
    """The mail became a ticket, everything about it is clean, and the original is untouched."""
    assert row.outcome == "opened", row.because
    ticket = Ticket.objects.get()
    note = ticket.notes.get()
    storable([row.subject, row.sender, row.message_id, row.because, row.trace])
    storable([ticket.title, ticket.fields, ticket.requester.email, ticket.requester.name])
    storable([note.text, note.fresh, note.html, note.recipients])
    storable(list(note.attachments.values_list("filename", "content_type", "content_id")))
    for each in (row, ticket, ticket.requester, note, *note.attachments.all()):
        check_length(each)
    assert row.raw.content == raw
    return ticket


def check_length(row: Model) -> None:
    """What SQLite would store at any length and PostgreSQL would refuse."""
    too_long = [
        field.name
        for field in row._meta.concrete_fields
        if isinstance(field, CharField) and 0 < (field.max_length or 0) < len(str(field.value_from_object(row)))
    ]
    assert too_long == [], row


def plain(content: bytes, charset: bytes) -> bytes:
    return mail(b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=" + charset, body=content)


def b64(content: bytes, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    encoded = base64.encodebytes(content)
    return mail(b"Content-Type: " + kind, b"Content-Transfer-Encoding: base64", body=encoded)


def named_by(content_id: bytes) -> bytes:
    return part(b"x", b"Content-Disposition: attachment; filename=a.txt", b"Content-Id: <" + content_id + b">")


NULS = {
    "ML-12-subject": mail(subject=b"Subject: Prin\x00ter"),
    "ML-12-subject-encoded": mail(subject=b"Subject: =?utf-8?q?Prin=00ter?="),
    "ML-12-subject-base64": mail(subject=b"Subject: =?utf-8?b?UHJpbgB0ZXI=?="),
    "ML-12-subject-utf-16": mail(subject=b"Subject: =?utf-16?b?UAAAAFIA?="),
    "ML-12-name": from_header(b"=?utf-8?q?A=00nn?= <ann@example.com>"),
    "ML-12-to": mail(to=b"To: sup\x00port@example.com, b@exam\x00ple.com"),
    "ML-12-cc": mail(b"Cc: =?utf-8?q?B=00ob?= <b@example.com>"),
    "ML-12-message-id": mail(message_id=b"Message-ID: <1\x00@example.com>"),
    "ML-12-references": mail(b"References: <a\x00@example.com> <b@example.com>", b"In-Reply-To: \x00<c@example.com>"),
    "ML-12-date": mail(date=b"Date: Fri, 20 Nov 2026\x00 10:00:00 +0000"),
    "ML-12-header-name": mail(b"X-A\x00B: c"),
    "ML-12-header-value": mail(b"X-A: b\x00c"),
    "ML-12-body": mail(body=b"Help\x00!"),
    "ML-12-body-base64": b64(b"Help\x00!"),
    "ML-12-body-quoted-printable": mail(b"Content-Transfer-Encoding: quoted-printable", body=b"Help=00!"),
    "ML-12-body-utf-16-read-as-utf-8": b64("Help!".encode("utf-16-le")),
    "ML-12-html": html(b"<p>He\x00lp!</p><scr\x00ipt>alert(1)</script>"),
    "ML-12-html-entity": html(b"<p>Help&#0;!&#x0;</p>"),
    "ML-12-charset": plain(b"Help!", b"utf\x00-8"),
    "ML-12-content-type": mail(b"Content-Type: text/pl\x00ain", body=b"Help!"),
    "ML-12-boundary": multipart(text(b"Help!"), boundary=b"front\x00ier"),
    "ML-12-file-name": with_file(b'filename="a\x00b.txt"'),
    "ML-12-file-name-percent": with_file(b"filename*=utf-8''a%00b.txt"),
    "ML-12-file-name-encoded-word": with_file(b'filename="=?utf-8?q?a=00b.txt?="'),
    "ML-12-file-type": with_file(b'filename="a.txt"', kind=b"application/x-\x00"),
    "ML-12-content-id": multipart(text(b"<img src='cid:a%00b'>", b"html"), named_by(b"a\x00b")),
    "ML-12-only-NUL": mail(subject=b"Subject: \x00\x00", body=b"\x00" * 1000),
    "ML-12-utf-7": plain(b"Help+AAA-!", b"utf-7"),
    "ML-12-utf-32": b64("Help!\x00".encode("utf-32"), b"text/plain; charset=utf-32"),
}  # fmt: skip


@pytest.mark.req("ML-12")
@cases(NULS)
def test_a_nul_character_is_stored_nowhere(case: bytes, receive: Receive) -> None:
    check_stored(receive(case), case)


@pytest.mark.req("ML-12")
def test_ml_12_a_nul_in_the_sender_is_no_sender(receive: Receive) -> None:
    for value in (b"ann\x00@example.com", b"Ann <ann@example.com\x00>", b"A\x00nn <ann@example.com>"):
        assert receive(from_header(value)).reason == "rejected.sender_unreadable"


LONG = {
    "ML-15-name": from_header(b'"' + b"A" * 10_000 + b'" <ann@example.com>'),
    "ML-15-name-encoded": from_header(b"=?utf-8?q?" + b"=C3=A4" * 5_000 + b"?= <ann@example.com>"),
    "ML-15-subject": mail(subject=b"Subject: " + b"printer " * 5_000),
    "ML-15-subject-one-word": mail(subject=b"Subject: " + b"x" * 60_000),
    "ML-15-subject-of-wide-letters": mail(subject=b"Subject: " + "\U0001f600".encode() * 2_000),
    "ML-15-message-id": mail(message_id=b"Message-ID: <" + b"a" * 5_000 + b"@example.com>"),
    "ML-15-message-id-of-wide-letters": mail(message_id=b"Message-ID: <" + "ä".encode() * 900 + b"@b.example>"),
    "ML-15-references": mail(b"References: " + b" ".join(b"<%d@example.com>" % at for at in range(5_000))),
    "ML-15-to": mail(to=b"To: " + b"t" * 5_000 + b"@example.com"),
    "ML-15-cc-domain": mail(b"Cc: bob@" + b"x." * 3_000 + b"example"),
    "ML-15-cc-name": mail(b"Cc: " + b"B" * 20_000 + b" <bob@example.com>"),
    "ML-15-header-name": mail(b"X-" + b"a" * 20_000 + b": b"),
    "ML-15-one-line-of-text": mail(body=b"x" * 1_000_000),
    "ML-15-file-type": with_file(b'filename="a.txt"', kind=b"application/" + b"x" * 5_000),
    "ML-15-file-type-of-a-real-length": with_file(b'filename="a.txt"', kind=b"application/" + b"x" * 120),
    "ML-15-content-id": multipart(text(b"x"), named_by(b"i" * 5_000)),
    "ML-15-charset": plain(b"Help!", b"x" * 5_000),
    "ML-15-boundary": multipart(text(b"Help!"), boundary=b"b" * 5_000),
    "ML-15-importance": mail(b"Importance: " + b"high" * 5_000),
    "ML-15-date": mail(date=b"Date: " + b"1" * 50_000),
}  # fmt: skip


@pytest.mark.req("ML-15")
@cases(LONG)
def test_what_is_too_long_is_shortened_and_the_original_is_whole(case: bytes, receive: Receive) -> None:
    row = receive(case)

    check_stored(row, case)


@pytest.mark.req("ML-15")
def test_ml_15_a_local_part_longer_than_any_address_is_no_sender(receive: Receive) -> None:
    assert receive(from_header(b"a" * 5_000 + b"@example.com")).reason == "rejected.sender_unreadable"
    assert receive(from_header(b"ann@" + b"a." * 5_000 + b"com")).reason == "rejected.sender_unreadable"


HALF = b"\xed\xa0\x80"  # U+D800 as if it were a letter
HALVES = {
    "ML-16-subject": mail(subject=b"Subject: a" + HALF + b"b"),
    "ML-16-subject-encoded": mail(subject=b"Subject: =?utf-8?q?a=ED=A0=80b?="),
    "ML-16-subject-utf-16": mail(subject=b"Subject: =?utf-16-be?b?2ADYAA==?="),
    "ML-16-subject-utf-7": mail(subject=b"Subject: =?utf-7?q?+2AA-?="),
    "ML-16-name": from_header(b"=?utf-8?q?A=ED=A0=80?= <ann@example.com>"),
    "ML-16-cc": mail(b"Cc: B" + HALF + b" <bob@example.com>, " + HALF + b"@example.com"),
    "ML-16-message-id": mail(message_id=b"Message-ID: <" + HALF + b"@example.com>"),
    "ML-16-references": mail(b"References: <" + HALF + b"@example.com>"),
    "ML-16-header-name": mail(b"X-" + HALF + b": a"),
    "ML-16-body": plain(b"Help " + HALF + b" \xed\xbf\xbf", b"utf-8"),
    "ML-16-body-undeclared": mail(body=b"Help " + HALF),
    "ML-16-body-utf-16": b64(b"H\0e\0\x00\xd8l\0p\0", b"text/plain; charset=utf-16-le"),
    "ML-16-body-utf-32": b64(b"\x00\x00\xd8\x00", b"text/plain; charset=utf-32-be"),
    "ML-16-body-unicode-escape": plain(rb"Help \ud800", b"unicode_escape"),
    "ML-16-body-raw-unicode-escape": plain(rb"Help \ud800", b"raw-unicode-escape"),
    "ML-16-body-utf-7": plain(b"Help +2AA-", b"utf-7"),
    "ML-16-body-cesu-8": plain(b"Help \xed\xa0\xbd\xed\xb8\x80", b"cesu-8"),
    "ML-16-html": html(b"<p>Help " + HALF + b"</p>"),
    "ML-16-html-entity": html(b"<p>Help &#xD800; &#55296; &#x110000; &#99999999999;</p>"),
    "ML-16-file-name": with_file(b'filename="a' + HALF + b'.txt"'),
    "ML-16-file-name-percent": with_file(b"filename*=utf-8''a%ED%A0%80.txt"),
    "ML-16-file-name-utf-16": with_file(b"filename*=utf-16-be''%D8%00%00a"),
    "ML-16-charset-name": plain(b"Help!", HALF),
    "ML-16-content-id": multipart(text(b"x"), named_by(HALF)),
    "ML-16-single-bytes": mail(body=bytes(range(256)), subject=b"Subject: " + bytes(range(0x80, 0x100))),
}


@pytest.mark.req("ML-16")
@cases(HALVES)
def test_half_a_letter_is_stored_as_a_whole_one(case: bytes, receive: Receive) -> None:
    check_stored(receive(case), case)


def b_word(length: int) -> bytes:
    return b"=?utf-8?b?" + base64.b64encode(b"x" * length) + b"?="


#: Each makes the standard library's reader of modern headers raise another exception, or once did.
CRASHERS = {
    "ML-17-reply-to-bracket": (b"Reply-To: <",),
    "ML-17-reply-to-at": (b"Reply-To: a@",),
    "ML-17-reply-to-dot-group": (b"Reply-To: .:",),
    "ML-17-sender-of-signs": (b"Sender: :;@=",),
    "ML-17-sender-comment-group": (b"Sender: ():''-0000charset",),
    "ML-17-cc-literal": (b"Cc: =@[",),
    "ML-17-cc-group": (b"Cc: %.:",),
    "ML-17-cc-quote": (b'Cc: "',),
    "ML-17-cc-word": (b"Cc: =?utf-8?q?a?==?=",),
    "ML-17-cc-comment": (b"Cc: (",),
    "ML-17-cc-backslash": (b"Cc: \\",),
    "ML-17-cc-empty-brackets": (b"Cc: <>,<>,,;;",),
    "ML-17-in-reply-to": (b"In-Reply-To: <(,(", b"References: <[a@b]> <"),
    "ML-17-type-slash": (b"Content-Type: /",),
    "ML-17-type-star": (b"Content-Type: text/plain; %e2;99*",),
    "ML-17-type-charset-alone": (b"Content-Type: text/plain; charset",),
    "ML-17-type-charset-star": (b"Content-Type: text/plain; charset*=''", b"MIME-Version: 1."),
    "ML-17-type-charset-unknown": (b"Content-Type: text/plain; charset=charset",),
    "ML-17-type-number": (b"Content-Type: text/plain; name*x=1; name*99999999999999999999=2; name*0*=a",),
    "ML-17-type-number-of-5000-digits": (b"Content-Type: text/plain; name*" + b"9" * 5_000 + b"=a",),
    "ML-17-type-equals": (b"Content-Type: =;=;=",),
    "ML-17-type-word": (b"Content-Type: =?utf-8?q?text/plain?=",),
    "ML-17-disposition-star": (b"Content-Disposition: attachment; filename*=",),
    "ML-17-disposition-quotes": (b"Content-Disposition: inline; filename*0*=''; filename*1*='%",),
    "ML-17-disposition-negative": (b"Content-Disposition: inline; filename*-1=a; filename**=b; *=c",),
    "ML-17-encoding": (b"Content-Transfer-Encoding: ;",),
    "ML-17-encoding-word": (b"Content-Transfer-Encoding: =?x?q?base64?=",),
    "ML-17-version": (b"MIME-Version: .", b"MIME-Version: 1.0.(",),
    "ML-17-word-charset": (b"X-A: =?x?b?!?= =?idna?q?xn--?= =?punycode?q?-?= =?undefined?q?a?=",),
    "ML-17-word-length": (b"X-A: =?utf-8?b?A?= =?utf-8?b?=?= =?utf-8?q?=?= =?utf-8?q?=X?=",),
    "ML-17-word-shape": (b"X-A: =??q?a?= =?utf-8??a?= =?utf-8?z?a?= =?=?= ?==? =?",),
    "ML-17-word-long": (b"X-A: " + b_word(20_000),),
}  # fmt: skip


@pytest.mark.req("ML-17")
@cases(CRASHERS)
def test_a_header_that_crashes_other_readers_is_read(case: tuple[bytes, ...], receive: Receive) -> None:
    raw = mail(*case)
    bounded(raw)

    ticket = check_stored(receive(raw), raw)

    assert ticket.title == "Printer on fire"
    assert ticket.requester.email == "ann@example.com"
    assert "Help!" in ticket.notes.get().text or ticket.notes.get().attachments.exists()


CRASHING_DATES = (b"", b"0", b"99", b"Fri", b"(", b"Fri, 99 Nov 2026 99:99:99 +9999", b"1 Jan 99999999999 00:00 +0000",
                  b"1 Jan 0000 00:00:00 +0000", b"1 Jan 9999 23:59:59 -2359", b"1 Jan 0001 00:00:00 +2359",
                  b"20 Nov 2026 10:00:00 +999999999999", b"20 Nov 2026 10:00:60 +0000", b"-1 Nov -2026 -1:-1 -1",
                  b"2026-11-20T10:00:00Z", "２０ Nov ２０２６ 10:00".encode(), b"20 Nov 2026 10:00:00 =?utf-8?q?UTC?=",
                  b"\xff", b"1e999", b"Fri, 20 Nov 2026 10:00:00 " + b"(" * 3000)  # fmt: skip


@pytest.mark.req("ML-17")
@pytest.mark.parametrize("date", CRASHING_DATES, ids=lambda value: f"ML-17-date-{value[:24]!r}")
def test_a_date_that_is_none_hinders_nothing(date: bytes, receive: Receive) -> None:
    raw = mail(date=b"Date: " + date)

    check_stored(receive(raw), raw)


NESTED = b"(" * 5_000 + b")" * 5_000
COMMENTS = {
    "ML-18-from": from_header(b"ann@example.com " + NESTED),
    "ML-18-from-before": from_header(NESTED + b" ann@example.com"),
    "ML-18-to": mail(to=b"To: support@example.com " + NESTED),
    "ML-18-cc": mail(b"Cc: " + NESTED + b" bob@example.com"),
    "ML-18-reply-to": mail(b"Reply-To: " + NESTED),
    "ML-18-date": mail(date=b"Date: Fri, 20 Nov 2026 10:00:00 +0000 " + NESTED),
    "ML-18-message-id": mail(message_id=b"Message-ID: " + NESTED + b"<1@example.com>"),
    "ML-18-references": mail(b"References: " + NESTED + b"<1@example.com>", b"In-Reply-To: " + NESTED),
    "ML-18-content-type": mail(b"Content-Type: text/plain " + NESTED + b"; charset=utf-8"),
    "ML-18-disposition": with_file(b'filename="a.txt"; x=' + NESTED),
    "ML-18-encoding": mail(b"Content-Transfer-Encoding: " + NESTED + b" 7bit"),
    "ML-18-version": mail(b"MIME-Version: " + NESTED + b"1.0"),
    "ML-18-auto-submitted": mail(b"Auto-Submitted: no " + NESTED),
    "ML-18-authentication": mail(b"Authentication-Results: mx.example.com; " + NESTED + b" dmarc=pass"),
    "ML-18-received": mail(b"Received: from a " + NESTED + b" by b"),
    "ML-18-unclosed-to": mail(to=b"To: support@example.com " + b"(" * 30_000),
    "ML-18-unopened-to": mail(to=b"To: support@example.com " + b")" * 30_000),
    "ML-18-escaped": mail(to=b"To: support@example.com " + b"(\\" * 15_000),
    "ML-18-quotes": mail(to=b'To: "' + b'\\"' * 15_000 + b" support@example.com"),
    "ML-18-brackets": mail(to=b"To: " + b"<" * 30_000 + b"support@example.com"),
    "ML-18-groups": mail(to=b"To: " + b"a:" * 15_000 + b"support@example.com" + b";" * 15_000),
    "ML-18-literals": mail(to=b"To: support@" + b"[" * 15_000 + b"]" * 15_000),
}


@pytest.mark.req("ML-18")
@cases(COMMENTS)
def test_nesting_costs_neither_stack_nor_time(case: bytes, receive: Receive) -> None:
    bounded(case, seconds=2, megabytes=100)

    assert receive(case).outcome == "opened"


@pytest.mark.req("ML-18")
def test_ml_18_an_unclosed_comment_in_the_sender_is_no_sender(receive: Receive) -> None:
    raw = from_header(b"(" * 5_000 + b" ann@example.com")

    assert bounded(raw, lambda found: found.sender is None)
    assert receive(raw).reason == "rejected.sender_unreadable"


WORDS = "Der Drucker brennt"
TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,70}")  # what a charset of an encoded word may be made of
#: Charsets that are none, codecs of Python that are no charsets, and ways to write nonsense.
UNKNOWN = ("x-no-such", "unknown-8bit", "x-unknown", "user-defined", "base64", "base64_codec", "quopri", "uu", "hex",
           "hex_codec", "zlib", "zip", "bz2", "rot13", "rot_13", "rot-13", "idna", "punycode", "unicode_escape",
           "unicode-escape", "raw_unicode_escape", "raw-unicode-escape", "undefined", "mbcs", "oem", "string_escape",
           "unicode_internal", "utf-8-variants", "_codecs", "os", "../../etc/passwd", "utf-8;q=1", "utf 8", "UTF8MB4",
           "'utf-8'", "utf-8\t", "=?utf-8?q?utf-8?=", "none", "null", "binary", "ansi", "default", "us-ascii?", "8bit",
           "x" * 5000, "é", "utf-7", "x-user-defined", "iso-8859-99", "cp99999", "windows-1252; x=y", "utf-8-sig",
           "__init__", "encodings.utf_8", "charmap", "ebcdic-unheard-of", "tactis", "x-mac-dingbats", "7bit")  # fmt: skip


@pytest.mark.req("ML-24")
@pytest.mark.parametrize("charset", UNKNOWN, ids=lambda name: f"ML-24-{name[:30]}")
def test_text_in_an_unknown_charset_can_be_read(charset: str, receive: Receive) -> None:
    raw = plain(WORDS.encode(), b'"' + charset.encode() + b'"')
    subject = b"=?" + charset.encode() + b"?q?Der_Drucker_brennt?="

    assert bounded(raw, lambda found: found.text) == WORDS
    row = receive(raw.replace(b"Printer on fire", subject))

    assert (row.outcome, Ticket.objects.get().notes.get().text) == ("opened", WORDS)
    assert row.subject == WORDS or TOKEN.fullmatch(charset) is None


KNOWN = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850",
         "macintosh", "utf-7", "cp037", "cp500", "latin1", "utf-8-sig")  # fmt: skip


@pytest.mark.req("ML-24")
@pytest.mark.parametrize("charset", KNOWN, ids=lambda name: f"ML-24-{name}")
def test_text_in_an_odd_but_known_charset_says_what_was_meant(charset: str) -> None:
    words = "Der Größte brennt, señor"
    raw = b64(words.encode(charset), b"text/plain; charset=" + charset.encode())

    assert bounded(raw, lambda found: found.text) == words


WRONG = {
    "ML-24-utf-16-of-odd-length": b64(b"\xff\xfeH\0i\0!", b"text/plain; charset=utf-16"),
    "ML-24-utf-16-that-is-ascii": plain(b"Help! Our printer burns.", b"utf-16"),
    "ML-24-utf-8-that-is-latin-1": plain("Größe".encode("latin-1"), b"utf-8"),
    "ML-24-ascii-that-is-utf-8": plain("Größe".encode(), b"us-ascii"),
    "ML-24-iso-2022-jp-unfinished": plain(b"Help \x1b$B$3", b"iso-2022-jp"),
    "ML-24-iso-2022-kr": plain(b"\x1b$)CHelp \x0e", b"iso-2022-kr"),
    "ML-24-hz": plain(b"Help ~{<:Ky2;R6~} ~", b"hz-gb-2312"),
    "ML-24-utf-7-unfinished": plain(b"Help +", b"utf-7"),
    "ML-24-gb18030-cut": plain(b"Help \x81", b"gb18030"),
    "ML-24-big5-wrong": plain(b"Help \xff\xfe", b"big5"),
    "ML-24-two-charsets": plain(b"Help", b"utf-8; charset=utf-16"),
    "ML-24-no-value": plain(b"Help", b""),
}


@pytest.mark.req("ML-24")
@cases(WRONG)
def test_a_wrong_charset_loses_no_mail(case: bytes, receive: Receive) -> None:
    bounded(case)

    assert check_stored(receive(case), case).notes.get().text.strip()


@pytest.mark.req("ML-24")
def test_ml_24_a_long_name_for_the_slow_codec_of_domains_costs_nothing() -> None:
    label = b"\xc3\xa4" * 30_000
    for raw in (
        from_header(b"ann@" + label),
        mail(b"Cc: bob@" + label),
        plain(label, b"idna"),
        plain(label, b"punycode"),
    ):
        bounded(raw, seconds=2)


BACKSLASHES = rb"""C:\new\table\x41\u0041\N{BULLET} \\server\share\0 \\\\ \n\r\t %s %(x)s {0} ${HOME} \\
ends with \
\"quoted\" \'too\' \d+\.\w* \1 \g<0>"""


@pytest.mark.req("ML-25")
@cases({"ML-25-plain": mail(body=BACKSLASHES), "ML-25-utf-8": plain(BACKSLASHES, b"utf-8"), "ML-25-base64": b64(BACKSLASHES),
        "ML-25-unicode-escape": plain(BACKSLASHES, b"unicode_escape"), "ML-25-utf-7": plain(BACKSLASHES, b"us-ascii")})  # fmt: skip
def test_backslashes_are_letters_like_any_other(case: bytes, receive: Receive) -> None:
    raw = case.replace(b"Subject: Printer on fire", rb"Subject: C:\new\x41 \1 %s {0}")

    ticket = check_stored(receive(raw), raw)

    assert ticket.notes.get().text == BACKSLASHES.decode()
    assert ticket.title == r"C:\new\x41 \1 %s {0}"


@pytest.mark.req("ML-25")
def test_ml_25_backslashes_in_names_of_people_and_in_html(receive: Receive) -> None:
    raw = html(rb"<p>C:\new\x41</p>", sender=rb'From: "A\\nn" <ann@example.com>')

    ticket = check_stored(receive(raw), raw)

    assert ticket.requester.name == r"A\nn"
    assert ticket.notes.get().text == r"C:\new\x41" and r"C:\new\x41" in ticket.notes.get().html


@pytest.mark.req("ML-12")
def test_ml_12_files_keep_their_nul_bytes(receive: Receive) -> None:
    content = bytes(range(256)) * 8
    raw = multipart(text(b"x"), file(content))

    check_stored(receive(raw), raw)

    assert bounded(raw, lambda found: found.attachments[0].content) == content
