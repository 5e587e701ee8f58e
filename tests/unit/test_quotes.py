"""The new words of a reply."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words, without_history

HISTORIES = {
    "English": "On Mon, Mar 3, 2025 at 9:12 AM Support <support@example.com> wrote:\n> Is it on?",
    "broken line": "On Mon, Mar 3, 2025 at 9:12 AM Support\n<support@example.com>\nwrote:\n\nIs it on?",
    "German": "Am 03.03.2025 um 09:12 schrieb Support:\n> Ist er an?",
    "French": "Le 3 mars 2025 à 09:12, Support <support@example.com> a écrit :\n> Est-il allumé ?",
    "Spanish": "El lun, 3 mar 2025 a las 9:12, Support (<support@example.com>) escribió:\n> ¿Está encendida?",
    "Dutch": "Op 3 mrt. 2025 om 09:12 heeft Support <support@example.com> het volgende geschreven:\n> Staat hij aan?",
    "Russian": "03.03.2025 09:12, Support <support@example.com> пишет:\n> Он включён?",
    "no verb": '03.03.2025, 09:12, "Support" <support@example.com>:\n> Is it on?',
    "Outlook": "From: Support [mailto:support@example.com]\nSent: Monday, 3 March 2025\nTo: Ana\nSubject: x\n\nOn?",
    "Outlook with a rule": "____________\nVon: Support\nGesendet: Montag, 3. März\nAn: Ana\nBetreff: x\n\nAn?",
    "German without a time": "Am 3. März schrieb Support:\n\n> Ist er an?",
    "bold labels": "*From:* Support <support@example.com>\n*Date:* Monday\n*Subject:* Printer\n\nOn?",
    "original message": "-----Original Message-----\nWhatever",
    "Nachricht": "-----Ursprüngliche Nachricht-----\nWas auch immer",
    "phone": "---- Support wrote ----\n\n> Is it on?",
    "only a quote": "> Is it on?\n>\n> Support",
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_the_history_below_an_answer_is_cut(history: str) -> None:
    assert without_history(f"It works again.\n\nThank you!\n\n{history}\n") == "It works again.\n\nThank you!"


@pytest.mark.parametrize(
    "text",
    [
        "Just text.\n\nTwo paragraphs.",
        "FYI\n\n---------- Forwarded message ----------\nFrom: a@x.example\nDate: today\nSubject: x\n\nText",
        "My boss wrote:\nthe printer is broken.",
        "From: Lisbon\nTo: Porto\nplease book a train.",
        "On 4 May the technician wrote: nothing to do.",
        "> Is it on?\nYes.\n> And the paper?\nNo paper.",
        "> Only a quote",
        "The command is\n> ls -l\nand it fails.",
        "Text -- with a dash\n--- and more",
        "",
    ],
)
def test_when_unsure_everything_is_new(text: str) -> None:
    assert without_history(text) == text


def test_an_answer_below_or_around_the_quote_stays() -> None:
    quote = "On Mon, Mar 3, 2025 at 9:12 AM Support <support@example.com> wrote:\n> Is it on?\n"

    assert without_history(f"{quote}\nYes, it is.") == "Yes, it is."
    assert without_history(f"Hello,\n{quote}\nYes, it is.") == "Hello,\n\nYes, it is."


@pytest.mark.parametrize(
    "signature", ["-- \nAna Costa\nClient Ltd", "--\nAna", "Sent from my iPhone", "Von meinem iPhone gesendet"]
)
def test_a_signature_is_cut(signature: str) -> None:
    assert without_history(f"It works.\n\n{signature}\n") == "It works."


def test_a_forwarded_mail_is_new_as_a_whole() -> None:
    text = "Look:\n\nFrom: a@x.example\nSent: today\nTo: b@x.example\nSubject: Offer\n\nThe offer."

    assert new_words(parse(f"Subject: WG: Offer\n\n{text}".encode())) == text


def test_a_quote_without_announcement_counts_only_in_an_answer() -> None:
    text = "Look at this:\n> an error message"

    assert new_words(parse(f"Subject: Error\n\n{text}".encode())) == text
    assert new_words(parse(f"Subject: Re: Error\n\n{text}".encode())) == "Look at this:"


@pytest.mark.parametrize(
    "line",
    [
        "On 1 Jan 2020 10:00 x",
        "x wrote:",
        ">",
        "From: a@b",
        "On 1/1/20 wrote: wrote: ",
        "- On 1 " * 60 + " wrote:",
        "-" * 490,
        "1/1/20 " * 60 + ">:",
        " " * 400,
        "a" * 490 + "@",
    ],
)
def test_hostile_text_costs_little(line: str) -> None:
    text = f"{line}\n" * (1_000_000 // len(line))
    started = time.process_time()

    without_history(text)

    assert time.process_time() - started < 5
