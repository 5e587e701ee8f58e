"""The command that shows what the parser makes of a mail."""

from __future__ import annotations

import json
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from mailchannel.kernel.types import DeliveryReport, FailedRecipient, ParsedMail
from mailchannel.management.commands.inspect_mail import as_json
from tests.running.processes import environment, manage

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


def test_every_part_is_listed_with_its_fingerprint(tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n"
        b"--b\nContent-Type: application/pdf; name=plan.pdf\n\n%PDF-1.4\n--b--\n"
    )

    (line,) = inspect(mail)

    text, file = line["parts"]  # type: ignore[misc]
    assert (text["kind"], file["kind"]) == ("body", "file")
    assert (file["number"], file["filename"], file["content_type"]) == ("2", "plan.pdf", "application/pdf")
    assert (text["detected"], file["detected"]) == ("", "application/pdf")
    assert (file["size"], file["sha256"]) == (8, sha256(b"%PDF-1.4").hexdigest())


@pytest.mark.parametrize(
    ("headers", "kind"),
    [(b"", "letter"), (b"Auto-Submitted: auto-replied\n", "automatic"), (b"List-Id: <staff.example>\n", "list")],
)
def test_the_kind_of_a_mail_comes_with_its_sign(tmp_path: Path, headers: bytes, kind: str) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(headers + MAIL)

    (line,) = inspect(mail)

    assert line["kind"] == kind
    assert bool(line["kind_sign"]) == (kind != "letter")


def test_a_report_is_printed_whole() -> None:
    failed = FailedRecipient("bo@client.example", "failed", "5.1.1", "no such user")
    mail = ParsedMail(report=DeliveryReport("a delivery report", (failed,), ("1@example.com",)))

    assert as_json(ParsedMail())["report"] is None
    assert as_json(mail)["report"] == {
        "sign": "a delivery report",
        "recipients": [
            {"address": "bo@client.example", "action": "failed", "status": "5.1.1", "said": "no such user"},
        ],
        "original_ids": ["1@example.com"],
    }


def test_no_database_is_needed(tmp_path: Path) -> None:
    """As a process of its own: an address nothing listens on would make any query fail."""
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)
    nowhere = environment(tmp_path, DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing", MAIL_LIMITS="headers=1")

    done = manage("inspect_mail", str(mail), env=nowhere)

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["ok"], line["subject"]) == (True, "")
    assert line["defects"] == ["The headers are longer than is read; the rest was left out."]
