"""Ids and dates of a mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailchannel.parsing.dates import read_date
from mailchannel.parsing.mime import parse


@pytest.mark.parametrize(
    ("header", "ids"),
    [
        (b"<a@x.example>", ("a@x.example",)),
        (b"<a@x.example> <b@x.example>\r\n <a@x.example>", ("a@x.example", "b@x.example")),
        (b"<a@x.example><b@x.example>", ("a@x.example", "b@x.example")),
        (b"< a@x.example >", ("a@x.example",)),
        (b"a@x.example", ("a@x.example",)),
        (b"<no-at-sign>", ("no-at-sign",)),
        (b"Your message of Tuesday <a@x.example>", ("a@x.example",)),
        (b"Your message of Tuesday", ()),
        (b"<" * 50_000, ()),
        (b"a@" * 30_000, ()),
        (b"<" + b"a" * 2_000 + b"@x.example>", ()),
        (b"", ()),
    ],
)
def test_message_ids_are_found(header: bytes, ids: tuple[str, ...]) -> None:
    mail = parse(b"References: " + header + b"\nIn-Reply-To: " + header + b"\n\n")

    assert (mail.references, mail.in_reply_to) == (ids, ids)


def test_the_newest_of_very_many_references_are_kept() -> None:
    mail = parse(b"References: " + b" ".join(b"<%d@x.example>" % number for number in range(1_000)) + b"\n\n")

    assert len(mail.references) == 200
    assert mail.ancestors[0] == "999@x.example"


@pytest.mark.parametrize(
    ("header", "when"),
    [
        (b"Tue, 4 Mar 2025 10:11:12 +0100", datetime(2025, 3, 4, 10, 11, 12, tzinfo=timezone(timedelta(hours=1)))),
        (b"4 Mar 2025 10:11 -0000", datetime(2025, 3, 4, 10, 11, tzinfo=UTC)),
        (b"Tue, 4 Mar 25 10:11:12 GMT (a comment)", datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)),
        (b"Tue, 4 Mar 2025 10:11:12", datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)),
        (b"2025-03-04T10:11:12+01:00", datetime(2025, 3, 4, 10, 11, 12, tzinfo=timezone(timedelta(hours=1)))),
        (b"2025-03-04 10:11:12", datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)),
        (b"2025-13-04 10:11:12", None),
        (b"yesterday", None),
        (b"Tue, 40 Mar 2025 10:11:12 +0100", None),
        (b"Tue, 4 Mar 2025 10:11:12 +9999", None),
        (b"14 Oct 1066 09:00:00 +0000", None),
        (b"31 Dec 9999 23:59:59 -1200", None),
        (b"1 Jan 99999999999999999999 00:00:00", None),
        (b"(" * 100_000, None),
        (b"", None),
    ],
)
def test_the_date_of_the_sender_is_aware_or_nothing(header: bytes, when: datetime | None) -> None:
    assert read_date(header) == when


def test_a_type_that_is_none_is_a_file_of_unknown_kind() -> None:
    mail = parse(b"Content-Type: <script>/x; name=a\n\ntext")

    assert [(file.filename, file.content_type) for file in mail.attachments] == [("a", "application/octet-stream")]


def test_every_defect_is_said_once() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nX : y\n\nx\n" * 9 + b"--b--\n"

    assert parse(raw).defects == ("There is a blank between “x” and its colon.",)
