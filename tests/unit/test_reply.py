"""What an answer looks like on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from mailchannel.compose.reply import Letter, compose_reply
from mailchannel.kernel.types import Part

LETTER = Letter(
    message_id="hd-1041.n17.abcdefghijabcdefghij@example.com",
    number="HD-1041",
    subject="Printer on fire",
    text="Hello Ann,\nuse the extinguisher.\n",
    mailbox="support@example.com",
    mailbox_name="Example Support",
    reply_to="answers@example.com",
    to="ann@customer.example",
    cc=("bob@customer.example",),
    references=("first@customer.example", "hd-1041.n9.aaaaaaaaaaaaaaaaaaaa@example.com", "second@customer.example"),
    date=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
)


@pytest.mark.req("S0-15", "S1-04")
def test_an_answer_threads_and_can_be_answered() -> None:
    mail = message_from_bytes(compose_reply(LETTER), policy=default)

    assert mail["Message-ID"] == f"<{LETTER.message_id}>"
    assert mail["In-Reply-To"] == "<second@customer.example>"
    assert mail["References"].split() == [f"<{each}>" for each in LETTER.references]
    assert mail["Reply-To"] == "answers@example.com"
    assert mail["From"] == "Example Support <support@example.com>"
    assert (mail["To"], mail["Cc"]) == ("ann@customer.example", "bob@customer.example")
    assert mail["Subject"] == "Re: Printer on fire [HD-1041]"
    assert mail.get_content().splitlines() == LETTER.text.splitlines()
    assert mail["Date"].datetime == LETTER.date


@pytest.mark.parametrize(
    "hostile", ["x\r\nBcc: victim@example.org", "a\nb", "a\x00b", "\ud800", "x" * 50_000, "é" * 5_000, "a\u2028Bcc: x"]
)
def test_no_value_adds_a_header_line_or_stops_the_answer(hostile: str) -> None:
    letter = replace(LETTER, subject=hostile, mailbox_name=hostile, references=("ok@x.example", hostile))

    raw = compose_reply(letter)

    mail = message_from_bytes(raw, policy=default)
    assert mail["Bcc"] is None
    assert mail["Subject"].endswith("[HD-1041]")
    assert mail["References"] == "<ok@x.example>"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_an_address_may_hold_letters_beyond_ascii() -> None:
    raw = compose_reply(replace(LETTER, to="jürgen@customer.example", cc=("zoë@customer.example",)))

    assert "To: jürgen@customer.example\r\nCc: zoë@customer.example\r\n".encode() in raw


def test_long_ids_are_neither_torn_nor_encoded() -> None:
    long = tuple(f"{'x' * 150}{n}@mail.example" for n in range(15))

    mail = message_from_bytes(compose_reply(replace(LETTER, references=long)), policy=default)

    assert mail["References"].split() == [f"<{each}>" for each in long]


def test_files_of_the_note_go_along() -> None:
    letter = replace(LETTER, files=[Part("plan\r\n.pdf", "application/pdf", b"%PDF-1.4 \x00\xff")])

    (part,) = message_from_bytes(compose_reply(letter), policy=default).iter_attachments()

    assert part.get_content() == b"%PDF-1.4 \x00\xff"
    assert part.get_filename() == "plan .pdf"
