"""Whatever the bytes are, something comes of them, and it can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailchannel.kernel.channel import MappingRule
from mailchannel.kernel.types import ParsedMail
from mailchannel.mapping.engine import map_fields
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.parsing.automatic import automatic, bounce, bulk
from mailchannel.parsing.identity import identity
from mailchannel.parsing.mime import parse

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "corpus").glob("*.eml"))]
WORDS = [
    *(b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Content-Type: ", b"Content-Disposition: ", b"References: "),
    *(
        b"multipart/mixed; boundary=b",
        b"--b\n",
        b"--b--",
        b"message/rfc822",
        b"text/html",
        b"charset=",
        b"filename*0*=",
    ),
    *(
        b"=?utf-8?Q?",
        b"=?utf-16?B?",
        b"?=",
        b"<",
        b">",
        b"@",
        b",",
        b";",
        b":",
        b'"',
        b"(",
        b")",
        b"\\",
        b"%",
        b"=",
        b"*",
    ),
    *(b"\n", b"\r\n", b"\n\n", b" ", b"\t", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"a@x.example"),
    *(b"base64", b"quoted-printable", b"x-uuencode\n\nbegin 644 a\n", b"+0200", b"On 1 Jan 2020 10:00 wrote:\n", b"> "),
    *(b"utf-7", b"idna", b"iso-2022-jp", b"hz", b"unicode_escape", b"99999999999999999999", b"-0000"),
]
RULES = [
    MappingRule(name, property=name, kind=kind) for name in PROPERTIES for kind in ("text", "number", "date", "choice")
]


def check(raw: bytes) -> None:
    mail = parse(raw)
    assert isinstance(mail, ParsedMail)
    storable(mail)
    for each in (automatic, bounce, bulk):
        storable(each(mail))
    storable([step.because for step in map_fields(mail, RULES).steps])
    assert len(identity(raw)) == 64
    assert all(file.filename and len(file.filename.encode()) <= 200 for file in mail.attachments)


def storable(value: Any) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
        assert "\x00" not in value
    elif isinstance(value, Mapping):
        storable(list(value.items()))
    elif is_dataclass(value):
        storable([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, list | tuple):
        for each in value:
            storable(each)


@given(st.binary(max_size=2_000))
@settings(max_examples=200, deadline=None)
def test_noise_is_parsed(raw: bytes) -> None:
    check(raw)


@given(st.lists(st.sampled_from(WORDS), max_size=80).map(b"".join))
@settings(max_examples=400, deadline=None)
def test_pieces_of_mails_in_any_order_are_parsed(raw: bytes) -> None:
    check(raw)


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(WORDS), st.booleans()), max_size=12))
@settings(max_examples=300, deadline=None)
def test_damaged_mails_are_parsed(raw: bytes, damages: list[tuple[float, bytes, bool]]) -> None:
    for where, what, replaces in damages:
        at = int(where * len(raw))
        raw = raw[:at] + what + raw[at + (len(what) if replaces else 0) :]

    check(raw)


@pytest.mark.parametrize("raw", SEEDS)
def test_a_mail_cut_off_anywhere_is_parsed(raw: bytes) -> None:
    for end in range(0, len(raw), 7):
        check(raw[:end])
