"""Files and bodies that Outlook packed into winmail.dat."""

from __future__ import annotations

import struct
import time

import pytest

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.mime import parse
from mailchannel.parsing.rtf import decompressed, words
from mailchannel.parsing.tnef import read_winmail

START = b"\x78\x9f\x3e\x22\x01\x00"
CLOSED = "What was sent may lie inside winmail.dat, which could not be unpacked."
STRING, UNICODE, OBJECT, BINARY = 0x1E, 0x1F, 0x0D, 0x102
BODY, HTML, RTF, DATA, LONG_NAME = 0x1000, 0x1013, 0x1009, 0x3701, 0x3707
#: The example of the specification (MS-OXRTFCP, 4.1.1).
HELLO = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"


def attribute(name: int, content: bytes) -> bytes:
    return struct.pack("<BII", 1, name, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def properties(*pairs: tuple[int, int, bytes]) -> bytes:
    packed = [struct.pack("<HHII", kind, name, 1, len(v)) + v + b"\0" * (-len(v) % 4) for name, kind, v in pairs]
    return struct.pack("<I", len(pairs)) + b"".join(packed)


def body(*pairs: tuple[int, int, bytes]) -> bytes:
    return attribute(0x9007, struct.pack("<II", 1252, 0)) + attribute(0x9003, properties(*pairs))


def file(title: bytes, content: bytes, *pairs: tuple[int, int, bytes]) -> bytes:
    attributes = attribute(0x9002, bytes(14)), attribute(0x8010, title + b"\0"), attribute(0x800F, content)
    return b"".join(attributes) + attribute(0x9005, properties(*pairs))


def mail(winmail: bytes, text: bytes = b"") -> ParsedMail:
    head = b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + text
    return parse(head + b"\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\n\n" + winmail + b"\n--b--\n")


def test_files_come_out_with_their_long_names() -> None:
    long_name = "Übersicht der Räume.xlsx\0".encode("utf-16-le")

    found = mail(START + file(b"UEBERS~1.XLS", b"PK", (LONG_NAME, UNICODE, long_name)) + file(b"a.txt", b"x"), b"Hi")

    assert [(part.number, part.filename, part.content) for part in found.attachments[1:]] == [
        ("2a", "Übersicht der Räume.xlsx", b"PK"),
        ("2b", "a.txt", b"x"),
    ]
    assert (found.text, found.defects) == ("Hi", ())


def test_the_file_itself_is_kept_unchanged() -> None:
    winmail = START + file(b"a.txt", b"x")

    assert mail(winmail).attachments[0].content == winmail


def test_the_body_inside_is_the_text_of_a_mail_that_has_no_other() -> None:
    winmail = START + body((BODY, STRING, b"Caf\xe9\r\nclosed\0"), (HTML, BINARY, b"<p>Caf\xe9</p>"))

    assert mail(winmail, b" \n").text == "Café\nclosed"
    assert mail(winmail, b"Shown already.").text == "Shown already."


def test_rich_text_is_read_where_there_is_nothing_else() -> None:
    assert mail(START + body((RTF, BINARY, bytes.fromhex(HELLO)))).text == "hello world"


def test_an_attached_message_stays_closed() -> None:
    embedded = bytes.fromhex("0703020000000000c000000000000046") + START + file(b"secret.txt", b"x")

    found = mail(START + file(b"Forwarded", b"", (DATA, OBJECT, embedded)))

    assert [(part.filename, part.content_type) for part in found.attachments[1:]] == [
        ("Forwarded", "application/ms-tnef")
    ]


@pytest.mark.parametrize(
    "winmail",
    [
        b"",
        b"garbage",
        START + file(b"a.txt", b"x")[:-1] + attribute(0x9002, b"")[:8] + b"\xff" * 30,
        START + attribute(0x9003, b"\xff" * 8),
        START + attribute(0x9003, struct.pack("<IHHI", 1, STRING, BODY, 0xFFFFFFFF)),
    ],
    ids=["empty", "garbage", "cut", "count", "length"],
)
def test_what_cannot_be_unpacked_is_said(winmail: bytes) -> None:
    found = mail(winmail)

    assert found.defects == (CLOSED,)
    assert found.attachments[0].filename == "winmail.dat"


def test_a_file_cut_off_anywhere_is_read_as_far_as_it_goes() -> None:
    begin = START + body((HTML, BINARY, b"<p>x</p>"), (RTF, BINARY, bytes.fromhex(HELLO)))
    whole = begin + file(b"a.txt", b"the content")

    found = [mail(whole[:end]) for end in range(len(whole) + 1)]

    assert {each.text for each in found[: len(begin) - 2]} == {""}
    assert {each.text for each in found[len(begin) :]} == {"x"}
    assert [part.content for part in found[-1].attachments[1:]] == [b"the content"]


def test_an_empty_property_takes_no_content_away() -> None:
    found = mail(START + file(b"a.txt", b"the content", (DATA, BINARY, b"")))

    assert [part.content for part in found.attachments[1:]] == [b"the content"]


def test_thousands_of_files_inside_are_as_complex_as_thousands_of_parts() -> None:
    many = b"--b\nContent-Type: application/ms-tnef\n\n" + START + attribute(0x9002, b"") * 400 + b"\n"
    head = b"Content-Type: multipart/mixed; boundary=b\n\n"

    assert len(parse(head + many * 7 + b"--b--\n").parts) == 7 * 401
    assert parse(head + many * 2_000 + b"--b--\n").too_complex == "The mail has more than 3000 parts."


@pytest.mark.parametrize(
    "hostile",
    [
        attribute(0x9002, b"") * 300_000,
        attribute(0x9003, struct.pack("<IHHI", 5_000, 0x101E, BODY, 0xFFFFFFFF) + b"\0" * 1_000_000),
        body((RTF, BINARY, struct.pack("<II", 9, 0xFFFFFFFF) + b"LZFu\0\0\0\0" + (b"\xff" + b"\x00\x0f" * 8) * 90_000)),
        body((RTF, BINARY, struct.pack("<II", 9, 0xFFFFFFFF) + b"LZFu\0\0\0\0" + (b"\0" + b"letters!") * 900_000)),
    ],
    ids=["files", "values", "expansion", "length"],
)
def test_a_hostile_file_costs_little(hostile: bytes) -> None:
    started = time.process_time()

    found = read_winmail(START + hostile)

    assert found is not None
    assert len(found.files) <= 500
    assert len(decompressed(found.rtf)) <= 1_000_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("rtf", "text"),
    [
        (rb"{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2\par x}", "Привет\nx"),
        (rb"{\rtf1 \u8364?\u55357?\u56832?}", "€😀"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator Riched20;}One {\b two}\line three}", "One two\nthree"),
        (rb"{\rtf1\fromhtml1 {\*\htmltag64 <p>}\htmlrtf \par\htmlrtf0 Only once}", "Only once"),
        (rb"{\rtf1 \{a\\b\}}", r"{a\b}"),
        (rb"{\rtf1{\*\x \u8364 ?}One \htmlrtf \u8364 ?\htmlrtf0 Two}", "One Two"),
        (rb"{\rtf1{\u8364}One}", "€One"),
        (rb"{\rtf1{\uc0\u8364 One}\u8364 ?Two\uc2\u8364 ??Three}", "€One€Two€Three"),
        (rb"}}}{{{\u-1?", "\uffff"),
        (b"", ""),
    ],
)
def test_rich_text_becomes_words(rtf: bytes, text: str) -> None:
    assert words(rtf) == text
