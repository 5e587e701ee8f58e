"""The conversation of IDLE (RFC 2177) without a socket."""

from __future__ import annotations

import pytest

from mailchannel.network.imap_idle import LONGEST_LINE, Hung, Idling, Inbox


def idling(exists: int = 0, recent: int = 0) -> Idling:
    talk = Idling(Inbox(exists, recent, ""))
    assert talk.begin() == b"W1 IDLE\r\n"
    assert talk.hear(b"+ idling\r\n") == (False, b"")
    assert not talk.waits
    return talk


@pytest.mark.parametrize(
    "words",
    [
        b"* 4 EXISTS\r\n",
        b"* 4 exists\n",
        b"* 1 RECENT\r\n",
        b"* OK Still here\r\n* 4 EXISTS\r\n* 1 RECENT\r\n",
        b"* 2 EXPUNGE\r\n* 3 EXISTS\r\n",  # one has gone, another has come
    ],
)
def test_new_mail_is_heard(words: bytes) -> None:
    assert idling(exists=3).hear(words) == (True, b"")


@pytest.mark.parametrize(
    "words",
    [
        b"* OK Still here\r\n",
        b"* 2 EXPUNGE\r\n* 2 EXISTS\r\n* 0 RECENT\r\n",  # we have moved it away
        b"* 3 EXISTS\r\n",
        b"* 2 FETCH (FLAGS (\\Seen))\r\n",
        b"* 4 EXISTSX\r\n",
        b"* 99999999999999999999 EXISTS\r\n",
        b"\xff\xfe\r\n\r\n",
        b"* 4 EXIS",
    ],
)
def test_nothing_new_is_no_news(words: bytes) -> None:
    assert idling(exists=3).hear(words) == (False, b"")


def test_words_may_come_in_pieces() -> None:
    talk = idling(exists=3)

    heard = [talk.hear(bytes([byte])) for byte in b"* 4 EXISTS\r\n"]

    assert [news for news, _ in heard] == [False] * 11 + [True]


def test_renewing_says_done_and_begins_again() -> None:
    talk = idling()

    assert talk.renew() == b"DONE\r\n"
    assert talk.waits
    assert talk.hear(b"* 1 EXISTS\r\nW1 OK done\r\n") == (True, b"W2 IDLE\r\n")
    assert talk.waits
    assert talk.hear(b"+ idling\r\n") == (False, b"")
    assert not talk.waits


def test_mail_announced_before_the_server_agrees_counts() -> None:
    talk = Idling(Inbox(0, 0, ""))
    talk.begin()

    assert talk.hear(b"* 1 EXISTS\r\n+ idling\r\n") == (True, b"")


def test_a_server_that_takes_leave_is_believed() -> None:
    with pytest.raises(Hung, match="too many"):
        idling().hear(b"* BYE too many connections\r\n")


@pytest.mark.parametrize("words", [b"W1 NO not today\r\n", b"W1 BAD what?\r\n", b"W1 OK and now?\r\n"])
def test_a_server_that_ends_it_by_itself_refuses(words: bytes) -> None:
    talk = Idling(Inbox(0, 0, ""))
    talk.begin()

    with pytest.raises(Hung):
        talk.hear(words)
    assert talk.refused


def test_a_line_without_an_end_is_given_up() -> None:
    talk = idling()

    with pytest.raises(Hung):
        for _ in range(LONGEST_LINE // 1000 + 1):
            talk.hear(b"x" * 1000)
