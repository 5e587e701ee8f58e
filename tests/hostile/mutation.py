"""Mails damaged at random: the same seed always gives the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

#: What a reader of mails takes for more than letters.
TOKENS = (
    *(b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: <", b"References: ", b"Content-Type: ", b"Importance: "),
    *(b"Content-Disposition: attachment; filename=", b"Content-Transfer-Encoding: ", b"Content-ID: <", b"MIME-Version: 1.0"),
    *(b"Auto-Submitted: ", b"Return-Path: <>", b"Authentication-Results: ", b"X-Failed-Recipients: ", b"Precedence: "),
    *(b"multipart/mixed; boundary=b", b"multipart/alternative", b"multipart/related", b"multipart/signed", b"\n--b\n", b"\n--b--\n"),
    *(b"message/rfc822", b"message/delivery-status", b"message/partial", b"text/html", b"text/calendar", b"application/ms-tnef"),
    *(b"application/pkcs7-mime; smime-type=signed-data", b"charset=", b"format=flowed; delsp=yes", b"filename*0*=utf-8''%", b"name*="),
    *(b"=?utf-8?b?", b"=?utf-8?q?", b"=?utf-16?B?", b"=?iso-2022-jp?b?", b"=?x?q?", b"?=", b"?= =?", b"=?", b"*=", b"%ED%A0%80", b"%00"),
    *(b"base64", b"quoted-printable", b"x-uuencode", b"\nbegin 644 a\n", b"\nend\n", b"utf-7", b"utf-16", b"utf-32", b"idna", b"hz"),
    *(b"unicode_escape", b"iso-2022-kr", b"gb18030", b"big5", b"cp037", b"rot13", b"99999999999999999999", b"-0000", b"+9999"),
    *(b"\nOn 1 Jan 2020 10:00, a wrote:\n", b"\n> ", b"\n-- \n", b"\n-----Original Message-----\n", b"\nFrom: a\nSent: b\nTo: c\n"),
    *(b"##- ", b"\n-----BEGIN PGP MESSAGE-----\n", b"<div class=gmail_quote>", b"<blockquote type=cite>", b"<style>", b"<!--", b"&#xD800;"),
    *(b"&#0;", b"<img src='cid:", b"<", b">", b"@", b",", b";", b":", b'"', b"(", b")", b"\\", b"%", b"=", b"*", b"[", b"]", b"'", b"/"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n ", b" ", b"\t", b"\x00", b"\x0b", b"\x1b$B", b"\x7f", b"\x85", b"\x80", b"\xa0", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xae"),
    *(b"\xe2\x80\xa8", b"\x78\x9f\x3e\x22", b"x" * 1_200, b"(" * 400, b"<" * 400, b"a@b.example, " * 50, b"\n " * 200, b">" * 300),
)  # fmt: skip
MOST_BYTES = 60_000
MOST_DAMAGES = 8

Damage = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutated(chance: random.Random, mails: Sequence[bytes]) -> bytes:
    """One of the mails with a few damages of any kind."""
    raw = chance.choice(mails)[:MOST_BYTES]
    for _ in range(chance.randint(1, MOST_DAMAGES)):
        raw = chance.choice(DAMAGES)(chance, raw, mails)[:MOST_BYTES]
    return raw


def _flip(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 10) if raw else 0):
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _random_byte(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + bytes([chance.randint(0x80, 0xFF)]) * chance.randint(1, 3) + raw[at + 1 :]


def _delete(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    start, end = _stretch(chance, raw)
    return raw[:start] + raw[end:]


def _cut_off(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    return raw[: chance.randint(0, len(raw))]


def _insert(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(raw))
    return raw[:at] + b"".join(chance.choices(TOKENS, k=chance.randint(1, 4))) + raw[at:]


def _insert_in_headers(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    at = chance.randint(0, min(len(raw), 600))
    return raw[:at] + chance.choice(TOKENS) + raw[at:]


def _overwrite(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    at, token = chance.randint(0, len(raw)), chance.choice(TOKENS)
    return raw[:at] + token + raw[at + len(token) :]


def _repeat(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    start, end = _stretch(chance, raw)
    return raw[:end] + raw[start:end] * chance.choice((1, 2, 10, 100)) + raw[end:]


def _splice(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    other = chance.choice(mails)
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


def _enclose(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    """One mail in the middle of another one."""
    at, other = chance.randint(0, len(raw)), chance.choice(mails)
    return raw[:at] + other + raw[at:]


def _swap_lines(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def _other_line_ends(chance: random.Random, raw: bytes, mails: Sequence[bytes]) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r")))


def _stretch(chance: random.Random, raw: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(raw))
    return start, min(len(raw), start + chance.choice((1, 5, 50, 500)))


DAMAGES: tuple[Damage, ...] = (
    _flip, _random_byte, _delete, _cut_off, _insert, _insert, _insert_in_headers, _insert_in_headers, _overwrite, _repeat, _splice,
    _enclose, _swap_lines, _other_line_ends,
)  # fmt: skip
