"""Reading what IMAP servers say, also when they say more than was asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailchannel.network.imap_answers import Item, Mismatch, folder_lines, messages, personal_namespace


def test_a_body_and_its_line_belong_together_whatever_stands_in_between() -> None:
    items: list[Item] = [
        b"7 (FLAGS (\\Seen))",
        (b"1 (UID 11 BODY[] {3}", b"one"),
        b")",
        b"3 (UID 13 FLAGS (\\Deleted))",
        (b"2 (BODY[] {3}", b"two"),
        b" UID 12)",
        None,
    ]

    found = [(message.uid, message.body) for message in messages(items)]

    assert found == [("", None), ("11", b"one"), ("13", None), ("12", b"two")]


def test_a_keyword_called_uid_is_not_mistaken_for_one() -> None:
    (message,) = messages([b"1 (FLAGS (UID 99) UID 5 RFC822.SIZE 120)"])

    assert (message.uid, message.size, message.flags) == ("5", 120, {"UID", "99"})


def test_an_empty_message_may_come_as_a_quoted_string() -> None:
    (message,) = messages([b'1 (UID 5 BODY[] "")'])

    assert message.body == b""


def test_a_literal_of_another_length_than_announced_is_refused() -> None:
    with pytest.raises(Mismatch):
        list(messages([(b"1 (UID 5 BODY[] {4}", b"one"), b")"]))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b" 7-Feb-2026 10:00:00 +0200", datetime(2026, 2, 7, 8, tzinfo=UTC)),
        (b"17-Feb-2026 10:00:00 -0330", datetime(2026, 2, 17, 13, 30, tzinfo=UTC)),
        (b"99-Xxx-2026 10:00:00 +0000", None),
        (b"", None),
    ],
)
def test_the_arrival_time_is_aware_or_unknown(written: bytes, meant: datetime | None) -> None:
    (message,) = messages([b'1 (UID 5 INTERNALDATE "' + written + b'" RFC822.SIZE 1)'])

    assert message.received == meant


@pytest.mark.parametrize(
    ("item", "name", "delimiter"),
    [
        (b'(\\HasNoChildren) "/" INBOX', "INBOX", "/"),
        (b'(\\HasNoChildren) "." "INBOX.Spam and more"', "INBOX.Spam and more", "."),
        (b'() "\\\\" "a \\"quoted\\" \\\\ name"', 'a "quoted" \\ name', "\\"),
        (b'() NIL "flat"', "flat", ""),
        (b'() "/" "Entw&APw-rfe"', "Entwürfe", "/"),
    ],
)
def test_folder_names_are_read_as_people_know_them(item: bytes, name: str, delimiter: str) -> None:
    (folder,) = folder_lines([item])

    assert (folder.name, folder.delimiter) == (name, delimiter)


def test_a_folder_name_sent_as_literal_is_read_too() -> None:
    (folder,) = folder_lines([(b'(\\Noselect \\Junk) "/" {4}', b'a"b/'), b""])

    assert (folder.name, folder.special_use, folder.selectable) == ('a"b/', "junk", False)


@pytest.mark.parametrize("name", [b"&broken", b"&AAA-", b"raw\xfcmlaut", b"&2D3cKQ-&-x&"])
def test_a_name_that_could_not_be_written_back_is_left_out(name: bytes) -> None:
    assert list(folder_lines([b'() "/" "' + name + b'"', b'() "/" INBOX']))[-1].name == "INBOX"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (b'(("INBOX." ".")) NIL NIL', ("INBOX.", ".")),
        (b'(("" "/")) (("~" "/")) NIL', ("", "/")),
        (b'(("" NIL)) NIL NIL', ("", "")),
        (b"NIL NIL NIL", None),
    ],
)
def test_the_personal_namespace_is_the_first(line: bytes, meant: tuple[str, str] | None) -> None:
    assert personal_namespace(line) == meant
