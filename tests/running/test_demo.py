"""The demo's own pieces: sample mails are real mails, and no recipient decides where a file is written."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from helpdesk.demo.answer import answer_to_newest
from helpdesk.demo.samples import WRITERS, sample_mails
from helpdesk.demo.sent import SentMail


def test_every_kind_of_sample_survives_the_wire() -> None:
    for mail in sample_mails("support@demo.example", len(WRITERS)):
        received = message_from_bytes(mail.as_bytes(), policy=policy.default)

        assert received["To"] == "support@demo.example"
        assert received["Subject"] == mail["Subject"]
        assert received.defects == []
        assert max(map(len, mail.as_bytes().splitlines())) < 998


def test_no_two_samples_are_the_same_mail() -> None:
    ids = [mail["Message-ID"] for mail in sample_mails("support@demo.example", 3 * len(WRITERS))]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("recipient", ["../../etc/passwd", "/etc/passwd", "a\0b@example.com", "x" * 300, ""])
def test_a_recipient_never_leaves_the_directory(recipient: str, tmp_path: Path) -> None:
    sent = tmp_path / "sent"

    path = SentMail(sent).keep(recipient, b"Subject: x\r\n\r\n")

    assert path.parent == sent
    assert list(sent.iterdir()) == [path]
    assert path.read_bytes() == b"Subject: x\r\n\r\n"


def test_two_mails_to_one_recipient_are_two_files(tmp_path: Path) -> None:
    sent = SentMail(tmp_path)

    sent.keep("ana@client.example", b"one")
    sent.keep("ana@client.example", b"two")

    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"one", b"two"]


def test_the_customer_answers_the_newest_mail(tmp_path: Path) -> None:
    sent = SentMail(tmp_path)
    headers = "From: Demo <support@demo.example>\r\nTo: ana@client.example\r\nReferences: <first@client.example>\r\n"
    for number in (1, 2):
        about = f"Subject: Re: Printer [HD-1001]\r\nMessage-ID: <n{number}@demo.example>\r\n"
        sent.keep("ana@client.example", f"{headers}{about}\r\nIt is on its way.\r\n".encode())

    answer = answer_to_newest(tmp_path)

    assert answer is not None
    assert answer["From"] == "ana@client.example"
    assert answer["To"] == "Demo <support@demo.example>"
    assert answer["Subject"] == "Re: Printer [HD-1001]"
    assert answer["In-Reply-To"] == "<n2@demo.example>"
    assert answer["References"] == "<first@client.example> <n2@demo.example>"
    assert "> It is on its way." in answer.get_content()


def test_nobody_answers_before_an_agent_has_written(tmp_path: Path) -> None:
    assert answer_to_newest(tmp_path) is None
