"""Files that programs without MIME wrote into the text."""

from __future__ import annotations

import binascii
import time

import pytest

from mailchannel.parsing.mime import parse
from mailchannel.parsing.transfer import decode_transfer
from mailchannel.parsing.uuencode import encoded_files


def encoded(name: bytes, content: bytes, end: bytes = b"`\nend\n") -> bytes:
    lines = (binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45))
    return b"begin 644 " + name + b"\n" + b"".join(lines) + end


def test_a_file_leaves_the_text_and_the_words_around_it_stay() -> None:
    mail = parse(b"Subject: x\n\nBefore.\n" + encoded(b"a.bin", bytes(range(256))) + b"After.\n")

    assert mail.text == "Before.\nAfter."
    assert [(part.number, part.filename, part.content) for part in mail.attachments] == [
        ("1a", "a.bin", bytes(range(256)))
    ]


def test_every_file_has_its_own_number() -> None:
    mail = parse(b"Subject: x\n\n" + b"".join(encoded(b"%d.txt" % number, b"x") for number in range(28)))

    assert [part.number for part in mail.attachments][24:] == ["1y", "1z", "1aa", "1ab"]


@pytest.mark.parametrize(
    "end",
    [b"`\nend\n", b" \nend\n", b"\nend\n", b"end", b"`\r\nend\r\n"],
    ids=["sign", "blank", "empty", "none", "CRLF"],
)
def test_programs_end_a_file_in_several_ways(end: bytes) -> None:
    assert [file.content for file in encoded_files(encoded(b"a", b"hello", end))] == [b"hello"]


def test_blanks_lost_at_the_end_of_a_line_were_zeros() -> None:
    stripped = b"\n".join(line.rstrip() for line in encoded(b"a", b"x" + bytes(40)).splitlines())

    assert [file.content for file in encoded_files(stripped.replace(b"\n`\n", b"\n\n"))] == [b"x" + bytes(40)]


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 a.txt\nThat is how such a file begins.\nend\n",
        b"begin 644 a.txt\n$ IN CAPITALS, AS SOME PEOPLE WRITE\nend\n",
        b"begin 644 a.txt\n" + b"+:&5L;&\\@=V]R;&0 \n",
        b"begin 644 a.txt\nend\n",
        b"begin with the first\nend\n",
        b"begin 644 a.txt\n" + b"\n" * 20 + b"end\n",
    ],
    ids=["words", "capitals", "no end", "nothing in it", "no mode", "empty lines"],
)
def test_what_only_looks_like_a_file_stays_text(text: bytes) -> None:
    mail = parse(b"Subject: x\n\n" + text)

    assert mail.text == text.decode().strip("\n")
    assert mail.attachments == ()


def test_thousands_of_files_inside_are_as_complex_as_thousands_of_parts() -> None:
    text = b"--b\n\n" + encoded(b"a", b"x") * 100 + b"\n"

    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + text * 100 + b"--b--\n")

    assert mail.too_complex == "The mail has more than 3000 parts."


def test_rubbish_behind_the_letters_that_count_is_left_out_where_the_mail_declares_the_encoding() -> None:
    assert decode_transfer(b"begin 644 a\n%:&5L;&\\ rubbish\n`\nend\n", b"x-uuencode") == b"hello"


@pytest.mark.parametrize("piece", [b"begin 644 a\n", b"begin 644 " + b" " * 298 + b"x\n", b"M" * 61 + b"\n", b"\n"])
def test_hostile_text_is_searched_in_linear_time(piece: bytes) -> None:
    started = time.process_time()

    encoded_files(b"begin 644 a\n" + piece * (5_000_000 // len(piece)))

    assert time.process_time() - started < 2
