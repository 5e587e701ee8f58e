"""Bytes to text."""

from __future__ import annotations

import encodings
import time

import pytest

from mailchannel.parsing.charset import codec_name, decode, storable
from mailchannel.parsing.guessing import MOST_GUESSES
from mailchannel.parsing.mime import parse


@pytest.mark.parametrize(
    ("text", "written_as", "declared"),
    [
        ("Grüße", "utf-8", "utf-8"),
        ("Grüße", "latin-1", "iso-8859-1"),
        ("“quoted” – 5 €", "cp1252", "iso-8859-1"),
        ("Grüße", "latin-1", "utf-8"),
        ("Grüße aus Köln", "utf-8", "us-ascii"),
        ("Grüße aus Köln", "utf-8", "iso-8859-1"),
        ("Grüße", "latin-1", ""),
        ("Grüße", "latin-1", "no-such-charset"),
        ("Привет, как дела? Принтер не работает.", "koi8-r", "koi8-r"),
        ("Привет, как дела? Принтер не работает.", "cp1251", "windows-1251"),
        ("打印机坏了，请帮忙。镕", "gb18030", "gb2312"),
        ("プリンターが動きません①", "cp932", "shift_jis"),
        ("プリンター", "iso2022_jp", "ISO-2022-JP"),
        ("뷁 프린터", "cp949", "euc-kr"),
        ("žluťoučký kůň", "iso8859-2", "iso-8859-2"),
        ("İstanbul’da", "cp1254", "iso-8859-9"),
        ("שלום", "iso8859-8", "iso-8859-8-i"),
        ("ÄÖ", "cp850", "cp-850"),
        ("héllo", "utf-16", "utf-16"),
        ("Grüße", "utf-7", "utf-7"),
        ("Grüße", "utf-16-le", "utf-16"),
        ("Grüße", "utf-16-be", "utf-16"),
        ("Grüße", "utf-16", ""),
        ("Grüße", "utf-8", "utf-16"),
        ("Hello", "ascii", "utf-16"),
        ("打印机坏了", "utf-8", "gb2312"),
        ("Привет", "utf-8", "koi8-r"),
        ("プリンター", "iso2022_jp", ""),
        ("프린터", "iso2022_kr", ""),
    ],
)
def test_letters_survive_right_and_wrong_labels(text: str, written_as: str, declared: str) -> None:
    assert decode(text.encode(written_as), declared) == text


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (b"\x1b$B-!-j%F%9%H\x1b(B (AG)", "①㈱テスト (AG)"),
        (b"\x1b(I1\x1b(B a", "ｱ a"),
        (b"\x1b$B-!\nnot escaped back", "①\nnot escaped back"),
        (b"\x1b$B%", "\x1b$B%"),
    ],
)
def test_signs_of_windows_in_japanese_are_read(escaped: bytes, text: str) -> None:
    assert decode(escaped, "iso-2022-jp") == text


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("windows cp-1252", "cp1252"),
        ("iso 8859_1", "iso8859-1"),
        ("iso-8859-1-windows-3.1-latin-1", "iso8859-1"),
        ("utf-8//IGNORE", "utf-8"),
        ("'UTF8'", "utf-8"),
        ("IBM-850", "cp850"),
        ("cp50221", "iso2022_jp"),
        ("_iso-2022-jp$ESC", "iso2022_jp"),
        ("GB2312_CHARSET", "gb2312"),
        ("windows-31j", "cp932"),
        ("x-unknown", ""),
        ("8bit", ""),
        ("windows-99999", ""),
    ],
)
def test_names_of_charsets_are_found_inside_what_people_write(declared: str, codec: str) -> None:
    assert codec_name(declared) == codec


def test_statistics_decide_when_nothing_is_declared() -> None:
    text = "Здравствуйте, у нас сломался принтер на втором этаже. Помогите, пожалуйста!"

    assert decode(text.encode("cp1251")) == text


def test_names_of_no_charset_leave_no_trace_in_python() -> None:
    """It would keep each of them for ever, and search its files for it."""
    known = dict(vars(encodings)["_cache"])

    assert {codec_name(f"x-{number}-cp{number}00000") for number in range(100)} == {""}
    assert vars(encodings)["_cache"] == known


def test_a_mail_of_many_undeclared_names_costs_little() -> None:
    names = [f"Müller-Grüße-Größe-äöüß-{number}-ÄÖÜ.txt".encode("cp1252") for number in range(2_900)]
    parts = b"".join(
        b'--b\nContent-Disposition: attachment; filename="%s"\nContent-Id: <%s>\n\n' % (n, n) for n in names
    )
    started = time.process_time()

    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + parts + b"--b--\n")

    assert time.process_time() - started < 6
    assert (len(mail.attachments), mail.attachments[-1].filename) == (2_900, names[-1].decode("cp1252"))


def test_what_one_mail_may_not_ask_any_more_the_next_one_may() -> None:
    text = "Здравствуйте, у нас сломался принтер на втором этаже. Помогите, пожалуйста!"
    subject = b"\nSubject: " + text.encode("cp1251")

    parse(b"".join(b"X-%d: %d " % (n, n) + text.encode("cp1251") + b"\n" for n in range(MOST_GUESSES)) + b"\n")

    assert decode(text.encode("cp1251")) == text
    assert parse(b"X: y" + subject + b"\n\n").subject == text


def test_japanese_of_windows_costs_little() -> None:
    escaped = b"\x1b$B" + b"-!" * 490_000 + b"\x1b(B"
    started = time.process_time()

    assert [decode(escaped, "iso-2022-jp") for _ in range(4)] == ["①" * 490_000] * 4
    assert time.process_time() - started < 1.5


def test_utf8_cut_inside_a_letter_stays_utf8() -> None:
    assert decode("Größe und Übung: ä".encode()[:-1], "utf-8") == "Größe und Übung: \ufffd"


@pytest.mark.parametrize("name", ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "base64", "rot13", "zip"])
def test_codecs_that_are_no_charsets_are_refused(name: str) -> None:
    assert codec_name(name) == ""
    assert decode(rb"C:\new\table\x41", name) == r"C:\new\table\x41"


@pytest.mark.parametrize("declared", ["", "utf-16", "utf-8", "utf-7", "no such charset", "\x00", "a" * 10_000])
def test_the_text_can_always_be_stored(declared: str) -> None:
    text = decode(b"a\x00b\xed\xa0\x80\xff\xfe\x00\xd8" + bytes(range(256)), declared)

    text.encode("utf-8")
    assert "\x00" not in text


def test_a_surrogate_pair_becomes_the_character_it_stands_for() -> None:
    assert storable("\ud83d\ude00 \ud83d") == "😀 \ufffd"
