"""The command that shows what the parser makes of a mail."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from django.core.management import call_command

MAIL = b"From: Ana <ana@client.example>\nTo: support@example.com\nSubject: =?utf-8?Q?caf=C3=A9?=\n\nHello\n"


def inspect(*paths: Path) -> list[dict[str, object]]:
    out = StringIO()
    call_command("inspect_mail", *map(str, paths), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_file_is_one_line_of_json(tmp_path: Path) -> None:
    one, two = tmp_path / "one.eml", tmp_path / "two.eml"
    one.write_bytes(MAIL)
    two.write_bytes(b"\x00\xff")

    lines = inspect(one, two)

    assert [line["path"] for line in lines] == [str(one), str(two)]
    assert [line["ok"] for line in lines] == [True, True]
    assert (lines[0]["subject"], lines[0]["from_address"], lines[0]["text"]) == ("café", "ana@client.example", "Hello")


def test_a_file_that_cannot_be_read_is_an_answer_too(tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)

    missing, found = inspect(tmp_path / "missing.eml", mail)

    assert missing["ok"] is False
    assert "No such file" in str(missing["error"])
    assert found["ok"] is True


def test_a_mail_that_is_too_complex_says_so(tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5_000)

    (line,) = inspect(mail)

    assert line["ok"] is False
    assert line["error"] == "The mail has more than 3000 parts."
