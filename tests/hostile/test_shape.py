"""Mails of an odd shape: empty, noise, ambiguous, mails inside mails (ML-26, ML-27, ML-42 to ML-44)."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mailchannel.kernel.types import ParsedMail
from mailchannel.models import MailServer
from tests.hostile.bounded import bounded
from tests.hostile.conftest import Receive, take_in
from tests.hostile.mails import CRLF, cases, file, mail, multipart, part, text, together, with_file
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ERROR_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx: try later</body></html>\n"
NOISE = {
    "ML-26-empty": b"",
    "ML-26-one-line-end": b"\r\n",
    "ML-26-line-ends": b"\r\n" * 1000,
    "ML-26-one-byte": b"x",
    "ML-26-one-NUL": b"\x00",
    "ML-26-noise": random.Random(1).randbytes(20_000),
    "ML-26-text-noise": base64.b64encode(random.Random(2).randbytes(20_000)),
    "ML-26-error-page": ERROR_PAGE,
    "ML-26-json": b'{"error": "quota", "from": "ann@example.com"}',
    "ML-26-no-blank-line": mail(body=b"").rstrip() + b"\r\nHelp! Our printer burns.",
    "ML-26-headers-only": mail(body=b"").rstrip(),
    "ML-26-body-only": b"\r\nHelp!",
    "ML-26-bare-returns": mail().replace(b"\r\n", b"\r"),
    "ML-26-bare-newlines": mail().replace(b"\r\n", b"\n"),
    "ML-26-doubled-returns": mail().replace(b"\r\n", b"\r\r\n"),
    "ML-26-colons": b":" * 10_000,
    "ML-26-image": b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(5_000),
    "ML-26-zip": b"PK\x03\x04" + random.Random(4).randbytes(5_000),
    "ML-26-utf-16": mail().decode().encode("utf-16"),
    "ML-26-byte-order-mark": b"\xef\xbb\xbf" + mail(),
    "ML-26-mailbox-line": b"From ann@example.com Fri Nov 20 10:00:00 2026\r\n" + mail(),
    "ML-26-two-mails": mail() + b"\r\n" + mail(),
    "ML-26-smtp-talk": b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nDATA\r\n" + mail() + b".\r\nQUIT\r\n",
}


@pytest.mark.req("ML-26")
@cases(NOISE)
def test_noise_ends_somewhere_visible(case: bytes, receive: Receive) -> None:
    bounded(case)

    row = receive(case)

    assert row.outcome in ("opened", "ignored", "rejected", "failed")
    assert row.reason and row.trace and (row.because or row.outcome == "opened")
    assert row.raw.content == case


@pytest.mark.req("ML-26")
def test_ml_26_what_can_be_read_is_read() -> None:
    readable = ("ML-26-no-blank-line", "ML-26-bare-returns", "ML-26-bare-newlines", "ML-26-mailbox-line")
    for name in readable:
        seen = bounded(
            NOISE[name], lambda found: (found.sender and found.sender.email, found.subject, "Help!" in found.text)
        )
        assert (name, *seen) == (name, "ann@example.com", "Printer on fire", True)


@dataclass(frozen=True)
class Ambiguous:
    """A mail that two programs would take apart differently; what every one of them shows must be kept somewhere."""

    raw: bytes
    pieces: tuple[bytes, ...] = (b"first view", b"second view")


@dataclass(frozen=True)
class Either:
    """A mail that shows one text to some programs and another one to others: one of the two is read, always the same."""

    raw: bytes


ONE, TWO = text(b"first view"), text(b"second view")
BOTH = together([ONE], b"one") + together([TWO], b"two")
EITHER = {
    "ML-27-two-boundaries": Either(mail(b"Content-Type: multipart/mixed; boundary=one; boundary=two", body=BOTH)),
    "ML-27-boundary-and-rfc2231": Either(mail(b"Content-Type: multipart/mixed; boundary=one; boundary*=''two", body=BOTH)),
    "ML-27-boundary-in-pieces": Either(
        mail(b"Content-Type: multipart/mixed; boundary=one; boundary*0=t; boundary*1=wo", body=BOTH)
    ),
    "ML-27-two-content-types": Either(
        mail(b"Content-Type: multipart/mixed; boundary=one", b"Content-Type: multipart/mixed; boundary=two", body=BOTH)
    ),
    "ML-27-plain-and-multipart": Either(
        mail(b"Content-Type: text/plain", b"Content-Type: multipart/mixed; boundary=one", body=BOTH)
    ),
    "ML-27-boundary-quoted-twice": Either(mail(b'Content-Type: multipart/mixed; boundary="one" "two"', body=BOTH)),
    "ML-27-boundary-with-comment": Either(mail(b"Content-Type: multipart/mixed; boundary=one(two)", body=BOTH)),
    "ML-27-boundary-with-blank": Either(mail(b"Content-Type: multipart/mixed; boundary= one ", body=BOTH)),
    "ML-27-boundary-with-trailing-blank": Either(mail(b'Content-Type: multipart/mixed; boundary="one "', body=BOTH)),
    "ML-27-boundary-empty": Either(mail(b'Content-Type: multipart/mixed; boundary=""', body=together([ONE, TWO], b""))),
    "ML-27-boundary-missing": Either(mail(b"Content-Type: multipart/mixed", body=BOTH)),
    "ML-27-boundary-encoded": Either(mail(b"Content-Type: multipart/mixed; boundary==?utf-8?q?one?=", body=BOTH)),
    "ML-27-boundary-in-capitals": Either(mail(b"Content-Type: multipart/mixed; boundary=ONE", body=BOTH)),
    "ML-27-boundary-prefix": Either(
        mail(b"Content-Type: multipart/mixed; boundary=one", body=together([ONE], b"one") + together([TWO], b"one2"))
    ),
    "ML-27-boundary-with-escape": Either(mail(rb'Content-Type: multipart/mixed; boundary="o\ne"', body=BOTH)),
    "ML-27-preamble": Either(
        mail(b"Content-Type: multipart/mixed; boundary=one", body=b"first view\r\n" + together([TWO], b"one"))
    ),
    "ML-27-epilogue": Either(multipart(ONE) + b"second view\r\n"),
    "ML-27-base64-with-a-tail": Either(
        multipart(part(b"Zmlyc3Qgdmlldw==\r\nc2Vjb25kIHZpZXc=", b"Content-Transfer-Encoding: base64"))
    ),
}  # fmt: skip
BOUNDARIES = {
    "ML-27-closed-then-more": Ambiguous(multipart(ONE) + together([TWO])),
    "ML-27-never-closed": Ambiguous(multipart(ONE, TWO).replace(b"--frontier--", b"")),
    "ML-27-closed-with-words": Ambiguous(multipart(ONE, TWO).replace(b"--frontier--", b"--frontier-- bye")),
    "ML-27-indented-boundary": Ambiguous(multipart(ONE, TWO).replace(b"\r\n--frontier\r\n", b"\r\n --frontier\r\n")),
    "ML-27-boundary-after-bare-return": Ambiguous(multipart(ONE, TWO).replace(b"\r\n--frontier\r\n", b"\r--frontier\r")),
    "ML-27-boundary-with-NUL": Ambiguous(multipart(ONE, TWO).replace(b"\r\n--frontier\r\n", b"\r\n\x00--frontier\r\n")),
    "ML-27-multipart-in-base64": Ambiguous(
        mail(
            b"Content-Type: multipart/mixed; boundary=frontier",
            b"Content-Transfer-Encoding: base64",
            body=base64.encodebytes(together([ONE, TWO])),
        )
    ),
    "ML-27-two-encodings": Ambiguous(
        multipart(
            part(
                base64.encodebytes(b"first view"),
                b"Content-Transfer-Encoding: base64",
                b"Content-Transfer-Encoding: 7bit",
            ),
            TWO,
        )
    ),
    "ML-27-base64-with-holes": Ambiguous(
        multipart(part(b"Zm ly!c3 Qg\r\ndmll dw==", b"Content-Transfer-Encoding: base64"), TWO)
    ),
    "ML-27-alternatives": Ambiguous(
        multipart(text(b"first view"), text(b"<p>second view</p>", b"html"), subtype=b"alternative")
    ),
    "ML-27-three-alternatives": Ambiguous(
        multipart(text(b"first view"), text(b"second view"), text(b"<p>third view</p>", b"html"), subtype=b"alternative"),
        (b"first view", b"second view", b"third view"),
    ),
    "ML-27-alternatives-of-html": Ambiguous(
        multipart(text(b"<p>first view</p>", b"html"), text(b"<p>second view</p>", b"html"), subtype=b"alternative")
    ),
    "ML-27-related-without-root": Ambiguous(
        multipart(text(b"first view"), text(b"<p>second view</p>", b"html"), subtype=b"related")
    ),
    "ML-27-empty-type": Ambiguous(multipart(part(b"first view", b"Content-Type:"), TWO)),
    "ML-27-unknown-type": Ambiguous(multipart(part(b"first view", b"Content-Type: words"), TWO)),
    "ML-27-attached-text": Ambiguous(multipart(part(b"first view", b"Content-Disposition: attachment"), TWO)),
    "ML-27-version-missing": Ambiguous(multipart(ONE, TWO).replace(b"MIME-Version: 1.0\r\n", b"")),
    "ML-27-version-2": Ambiguous(multipart(ONE, TWO).replace(b"Version: 1.0", b"Version: 2.0")),
    "ML-27-headers-without-blank-line": Ambiguous(multipart(ONE.replace(CRLF * 2, CRLF), TWO)),
    "ML-27-partial": Ambiguous(mail(b"Content-Type: message/partial; id=a; number=1", body=b"first view second view")),
    "ML-27-external": Ambiguous(multipart(ONE, part(b"second view", b"Content-Type: message/external-body"))),
}  # fmt: skip


@pytest.mark.req("ML-27")
@cases(EITHER)
def test_of_two_readings_one_is_shown_and_the_original_has_both(case: Either, receive: Receive) -> None:
    seen = bounded(case.raw, everything)

    row = receive(case.raw)

    assert b"first view" in seen or b"second view" in seen
    assert bounded(case.raw, everything) == seen
    assert row.outcome == "opened" and row.raw.content == case.raw


def everything(found: ParsedMail) -> bytes:
    return b"\n".join([found.text.encode(), found.html.encode(), *(each.content for each in found.parts)])


@pytest.mark.req("ML-27")
@cases(BOUNDARIES)
def test_an_ambiguous_mail_has_one_view_and_hides_nothing(case: Ambiguous, receive: Receive) -> None:
    seen = bounded(case.raw, everything)

    row = receive(case.raw)

    assert [piece for piece in case.pieces if piece not in seen] == []
    assert bounded(case.raw, everything) == seen
    assert row.outcome == "opened" and row.raw.content == case.raw


@pytest.mark.req("ML-27")
def test_ml_27_alternatives_that_differ_are_both_on_the_page(receive: Receive) -> None:
    receive(BOUNDARIES["ML-27-alternatives"].raw)

    note = Ticket.objects.get().notes.get()
    assert "first view" in note.text and "second view" in note.html


def contents(found: ParsedMail) -> list[bytes]:
    return [each.content for each in found.attachments]


@pytest.mark.req("ML-42")
def test_ml_42_three_files_of_one_name_are_three_files(receive: Receive) -> None:
    files = [file(content, b'filename="same.txt"') for content in (b"one", b"two", b"one")]

    receive(multipart(text(b"x"), *files))

    rows = list(Attachment.objects.values_list("filename", "sha256"))
    assert rows == [("same.txt", hashlib.sha256(content).hexdigest()) for content in (b"one", b"two", b"one")]


CONFLICTING = {
    "ML-42-name-and-filename": (b'filename="a.txt"', b"application/pdf; name=b.pdf"),
    "ML-42-filename-twice": (b'filename="a.txt"; filename="b.txt"', b"application/pdf"),
    "ML-42-filename-and-star": (b"filename=\"a.txt\"; filename*=utf-8''b.txt", b"application/pdf"),
    "ML-42-star-and-pieces": (b"filename*=utf-8''a.txt; filename*0=b; filename*1=.txt", b"application/pdf"),
    "ML-42-pieces-out-of-order": (b"filename*1=.txt; filename*0=a", b"application/pdf"),
    "ML-42-pieces-missing": (b"filename*0=a; filename*2=.txt", b"application/pdf"),
    "ML-42-pieces-doubled": (b"filename*0=a; filename*0=b; filename*1=.txt", b"application/pdf"),
    "ML-42-encoded-word-and-plain": (b'filename="=?utf-8?q?a?=.txt"', b"application/pdf; name=b"),
    "ML-42-unclosed-quote": (b'filename="a.txt', b"application/pdf"),
    "ML-42-only-in-the-type": (b"x=y", b"application/pdf; name=a.txt"),
    "ML-42-type-twice": (b'filename="a.txt"', b"application/pdf\r\nContent-Type: text/html"),
}


@pytest.mark.req("ML-42")
@cases(CONFLICTING)
def test_names_that_contradict_each_other_give_one_name(case: tuple[bytes, bytes], receive: Receive) -> None:
    raw = multipart(text(b"x"), file(b"inside", *case))

    names = [bounded(raw, lambda found: [each.filename for each in found.attachments]) for _ in range(2)]
    receive(raw)

    assert names[0] == names[1] and len(names[0]) == 1
    assert [row.filename for row in Attachment.objects.all()] == names[0]


def encoded(content: bytes, encoding: bytes, name: bytes = b"a.bin") -> bytes:
    lines = (b"Content-Type: application/octet-stream; name=" + name, b"Content-Transfer-Encoding: " + encoding)
    return multipart(text(b"x"), part(content, *lines, b"Content-Disposition: attachment"))


#: What stands in the mail, and what must be found in the file.
DAMAGED = {
    "ML-42-base64-cut": (encoded(b"aW5zaWRl\r\naW5zaW", b"base64"), b"inside"),
    "ML-42-base64-one-letter-left": (encoded(b"aW5zaWRlx", b"base64"), b"inside"),
    "ML-42-base64-with-rubbish": (encoded(b"aW5z!aWRl\r\naW5zaWRl\r\n", b"base64"), b"insideinside"),
    "ML-42-base64-that-is-none": (encoded(b"This is inside, in plain words: really!", b"base64"), b"is inside"),
    "ML-42-base64-padded-early": (encoded(b"aW5zaWRl====", b"base64"), b"inside"),
    "ML-42-base64-in-one-line": (encoded(base64.b64encode(b"inside" * 50_000), b"base64"), b"inside" * 50_000),
    "ML-42-base64-in-capitals": (encoded(b"aW5zaWRl", b"BASE64"), b"inside"),
    "ML-42-quoted-printable-broken": (encoded(b"ins=ide =X =", b"quoted-printable"), b"ide"),
    "ML-42-quoted-printable-in-lower-case": (encoded(b"ins=69de", b"quoted-printable"), b"inside"),
    "ML-42-quoted-printable-of-a-file": (encoded(b"=69nside=00=FF", b"quoted-printable"), b"inside\x00\xff"),
    "ML-42-uu": (encoded(b"begin 644 a\r\n&:6YS:61E\r\n`\r\nend\r\n", b"x-uuencode"), b"inside"),
    "ML-42-uu-without-an-end": (encoded(b"begin 644 a\r\n&:6YS:61E\r\n", b"x-uuencode"), b"inside"),
    "ML-42-uu-without-a-begin": (encoded(b"&:6YS:61E\r\n", b"x-uuencode"), b"&:6YS:61E"),
    "ML-42-uu-with-rubbish": (encoded(b"begin 644 a\r\n&:6YS:61E\r\n\xff\xff\xff\r\n", b"uuencode"), b"inside"),
    "ML-42-encoding-unknown": (encoded(b"inside", b"rot13"), b"inside"),
    "ML-42-encoding-empty": (encoded(b"inside", b""), b"inside"),
    "ML-42-encoding-commented": (encoded(b"aW5zaWRl", b"base64 (a comment)"), b"inside"),
    "ML-42-tnef-that-is-none": (encoded(b"inside", b"7bit", b"winmail.dat"), b"inside"),
    "ML-42-tnef-cut": (encoded(b"\x78\x9f\x3e\x22\x01\x00\x01inside", b"8bit", b"winmail.dat"), b"inside"),
    "ML-42-tnef-of-huge-lengths": (
        encoded(b"\x78\x9f\x3e\x22\x01\x00\x02\x0f\x80\x06\x00\xff\xff\xff\x7finside", b"8bit", b"winmail.dat"), b"inside"
    ),
    "ML-42-tnef-of-many-attributes": (
        encoded(b"\x78\x9f\x3e\x22\x01\x00" + b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" * 200_000 + b"inside", b"8bit", b"winmail.dat"),
        b"inside",
    ),
}  # fmt: skip


@pytest.mark.req("ML-42")
@cases(DAMAGED)
def test_a_damaged_file_is_kept(case: tuple[bytes, bytes], receive: Receive) -> None:
    raw, inside = case

    found = bounded(raw, contents)
    row = receive(raw)

    assert found and any(inside in each for each in found)
    assert bounded(raw, contents) == found
    assert row.outcome == "opened" and Attachment.objects.count() == sum(map(bool, found))


@pytest.mark.req("ML-42")
def test_ml_42_words_that_are_wrongly_called_base64_are_not_lost(receive: Receive) -> None:
    words = b"Our printer burns, please help us soon!"

    receive(mail(b"Content-Transfer-Encoding: base64", body=words))

    assert Ticket.objects.get().notes.get().text == words.decode()


def bomb(size: int, *, name: str = "../../../../tmp/evil") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(name, b"\0" * size)
    return packed.getvalue()


def matryoshka(depth: int) -> bytes:
    content = bomb(1_000_000)
    for level in range(depth):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for copy in range(5):
                archive.writestr(f"{level}-{copy}.zip", content)
        content = packed.getvalue()
    return content


ARCHIVES: dict[str, tuple[bytes, Callable[[], bytes]]] = {
    "ML-43-zip-bomb": (b"a.zip", lambda: bomb(100_000_000)),
    "ML-43-zip-slip": (b"a.zip", lambda: bomb(10)),
    "ML-43-zips-in-zips": (b"a.zip", lambda: matryoshka(4)),
    "ML-43-office": (b"a.docx", lambda: bomb(50_000_000, name="word/document.xml")),
    "ML-43-zip-named-text": (b"a.zip", lambda: bomb(50_000_000, name="[Content_Types].xml")),
}


@pytest.mark.req("ML-43")
@cases(ARCHIVES)
def test_an_archive_is_never_unpacked(case: tuple[bytes, Callable[[], bytes]], receive: Receive) -> None:
    name, packed = case
    content = packed()
    raw = with_file(b'filename="' + name + b'"', content, b"application/zip")

    assert bounded(raw, contents, seconds=1, megabytes=20) == [content]
    row = receive(raw)

    assert row.outcome == "opened"
    assert Attachment.objects.filter(sha256=hashlib.sha256(content).hexdigest(), size=len(content)).exists()


INSIDE = mail(
    b"Auto-Submitted: auto-replied",
    b"In-Reply-To: <known@example.com>",
    b"References: <known@example.com>",
    b"X-Auto-Response-Suppress: All",
    b"Precedence: bulk",
    b"Importance: high",
    sender=b"From: Mallory <mallory@evil.example>",
    subject=b"Subject: Re: something else [HD-1]",
    message_id=b"Message-ID: <inside@example.com>",
)
ATTACHED = {
    "ML-44-as-message": multipart(text(b"See below."), part(INSIDE, b"Content-Type: message/rfc822")),
    "ML-44-as-named-message": multipart(
        text(b"See below."),
        part(INSIDE, b"Content-Type: message/rfc822; name=a.eml", b"Content-Disposition: attachment"),
    ),
    "ML-44-as-file": multipart(text(b"See below."), file(INSIDE, b'filename="a.eml"', b"message/rfc822")),
    "ML-44-as-digest": multipart(text(b"See below."), part(INSIDE), subtype=b"digest"),
    "ML-44-as-headers": multipart(text(b"See below."), part(INSIDE, b"Content-Type: text/rfc822-headers")),
    "ML-44-as-global": multipart(text(b"See below."), part(INSIDE, b"Content-Type: message/global")),
    "ML-44-first": multipart(part(INSIDE, b"Content-Type: message/rfc822"), text(b"See above.")),
    "ML-44-in-the-text": mail(body=b"See below.\r\n\r\n" + INSIDE),
    "ML-44-headers-of-the-part": multipart(part(b"See below.", *INSIDE.split(b"\r\n\r\n")[0].split(b"\r\n"))),
    "ML-44-alternative": multipart(
        text(b"See below."), part(INSIDE, b"Content-Type: message/rfc822"), subtype=b"alternative"
    ),
}


@pytest.mark.req("ML-44")
@cases(ATTACHED)
def test_a_mail_inside_a_mail_steers_nothing(case: bytes, server: MailServer) -> None:
    known, row = take_in(server, mail(message_id=b"Message-ID: <known@example.com>", body=b"The first mail."), case)

    assert (row.outcome, row.sender, row.subject) == ("opened", "ann@example.com", "Printer on fire")
    assert row.message_id == "1@example.com"
    assert row.ticket_id != known.ticket_id
    ticket = Ticket.objects.get(pk=row.ticket_id)
    assert (ticket.requester.email, ticket.priority) == ("ann@example.com", "normal")


@pytest.mark.req("ML-44")
def test_ml_44_a_mail_that_is_only_an_attached_mail_is_from_its_own_sender(receive: Receive) -> None:
    row = receive(mail(b"Content-Type: message/rfc822", body=INSIDE))

    assert (row.outcome, row.sender) == ("opened", "ann@example.com")
    assert Attachment.objects.get().size == len(INSIDE)
