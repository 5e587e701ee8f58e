"""What every transport promises, asked of each one against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mailchannel.transports import TRANSPORTS, MessageRef, Transport, TransportError
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox
from tests.servers.mailbox import Mailbox

#: transport → name of a kind of server it must work with → how that server is made
HARNESSES: dict[str, dict[str, Options]] = {
    "imap": {
        "with MOVE": Options(),
        "without MOVE": Options(hidden=("MOVE",)),
        "with neither MOVE nor UIDPLUS": Options(hidden=("MOVE", "UIDPLUS")),
        "with a folder prefix": Options(prefix="INBOX.", separator="."),
    }
}
KINDS = [(key, kind) for key, kinds in HARNESSES.items() for kind in kinds]
STAYS = [("imap", "with neither MOVE nor UIDPLUS")]
LEAVES = [kind for kind in KINDS if kind not in STAYS]

MAIL = (
    b"From: a@example.com\r\nSubject: Gr\xfc\xdfe\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\nHi\r\n.\r\n\xff\r\n"
)


@pytest.fixture(params=KINDS, ids=" ".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    key, name = request.param
    return key, name


@pytest.fixture
def mailbox(kind: tuple[str, str], new_mailbox: NewMailbox) -> Mailbox:
    return new_mailbox(HARNESSES[kind[0]][kind[1]])


Connect = Callable[..., Transport]


@pytest.fixture
def connect(kind: tuple[str, str], mailbox: Mailbox) -> Connect:
    def build(**changed: Any) -> Transport:
        return TRANSPORTS[kind[0]]({**mailbox.settings, **changed}, timeout=5, allow_private=True)

    return build


@pytest.fixture
def transport(connect: Connect) -> Iterator[Transport]:
    with connect() as transport:
        yield transport


def refs(transport: Transport, folder: str = "INBOX") -> list[MessageRef]:
    epoch = transport.epoch(folder)
    return [MessageRef(folder, key, epoch) for key in transport.keys(folder)]


def test_every_transport_has_a_harness() -> None:
    assert {transport.key for transport in TRANSPORTS} == set(HARNESSES)


@pytest.mark.req("S1-21", "S3-17")
def test_connecting_tells_what_was_seen_but_never_the_password(transport: Transport, mailbox: Mailbox) -> None:
    notes = " ".join(transport.notes())

    assert mailbox.username in notes
    assert mailbox.password not in notes
    assert mailbox.password not in repr(vars(transport))


def test_a_wrong_password_is_said_at_its_field_and_not_tried_again(connect: Connect) -> None:
    with pytest.raises(TransportError) as failure, connect(password="wrong"):
        pass

    assert (failure.value.field, failure.value.permanent) == ("password", True)
    assert failure.value.__cause__ is None and failure.value.__suppress_context__


def test_a_closed_port_is_said_at_the_host_and_tried_again(connect: Connect) -> None:
    with pytest.raises(TransportError, match="answered at 127.0.0.1, port 1") as failure, connect(port=1):
        pass

    assert (failure.value.field, failure.value.permanent) == ("host", False)


@pytest.mark.req("SS-01")
def test_a_private_host_is_refused_unless_allowed(kind: tuple[str, str], mailbox: Mailbox) -> None:
    with (
        pytest.raises(TransportError, match="private or reserved") as failure,
        TRANSPORTS[kind[0]](mailbox.settings, timeout=5),
    ):
        pass

    assert (failure.value.field, failure.value.permanent) == ("host", True)


def test_leaving_never_hides_what_went_wrong_before(transport: Transport, connect: Connect) -> None:
    with pytest.raises(ZeroDivisionError), connect() as second:
        second.epoch("INBOX")
        raise ZeroDivisionError


def test_folders_are_listed_with_what_they_are_for(transport: Transport) -> None:
    folders = {folder.name: folder for folder in transport.folders()}

    assert folders["INBOX"].selectable
    assert [folder.special_use for folder in folders.values()].count("junk") == 1


@pytest.mark.req("PR-02")
@pytest.mark.parametrize("path", ["Done", "Helpdesk/Done", "Erledigt/Größe", 'a "b" & c', "INBOX"])
def test_a_folder_is_made_once_and_found_under_its_own_name(transport: Transport, path: str) -> None:
    name = transport.ensure_folder(path)

    assert transport.ensure_folder(path) == name
    assert transport.ensure_folder(name) == name
    assert [folder.name for folder in transport.folders()].count(name) == 1
    assert transport.epoch(name)


@pytest.mark.req("PR-02")
@pytest.mark.parametrize("path", ["a\r\nA9 DELETE INBOX", "a\x00b", "x" * 1000, ""])
def test_a_name_that_cannot_be_a_folder_is_refused(transport: Transport, path: str) -> None:
    for attempt in (transport.ensure_folder, transport.epoch):
        with pytest.raises(TransportError, match="1 to 255 characters") as failure:
            attempt(path)
        assert (failure.value.field, failure.value.permanent) == ("folders", True)


def test_a_missing_folder_is_named(transport: Transport) -> None:
    with pytest.raises(TransportError, match="No such place") as failure:
        transport.epoch("No such place")

    assert (failure.value.field, failure.value.permanent) == ("folders", True)


@pytest.mark.req("PR-04")
def test_an_empty_folder_is_no_error(transport: Transport) -> None:
    assert refs(transport) == []
    assert list(transport.describe([])) == []
    assert list(transport.fetch([])) == []
    assert transport.move([], "INBOX")


@pytest.mark.req("PR-07", "PR-08")
def test_keys_are_oldest_first_and_leave_out_what_people_deleted_or_still_write(
    transport: Transport, mailbox: Mailbox
) -> None:
    first = mailbox.deliver(MAIL, flags=[r"\Seen"])
    mailbox.deliver(MAIL, flags=[r"\Deleted"])
    mailbox.deliver(MAIL, flags=[r"\Draft"])
    last = mailbox.deliver(MAIL)

    assert [ref.key for ref in refs(transport)] == [first, last]


@pytest.mark.req("PR-09", "S1-19", "S3-16")
def test_a_start_date_spares_old_mail_by_the_time_the_server_took_it_in(transport: Transport, mailbox: Mailbox) -> None:
    mailbox.deliver(MAIL, internal_date=datetime(2025, 1, 1, tzinfo=UTC))
    recent = mailbox.deliver(MAIL, internal_date=datetime(2026, 6, 1, tzinfo=UTC))
    transport.epoch("INBOX")

    assert transport.keys("INBOX", since=date(2026, 5, 31)) == [recent]


@pytest.mark.parametrize("since", [date.min, date(1, 1, 3), date(1899, 12, 31), date(1970, 1, 2)], ids=str)
def test_a_start_date_before_there_was_mail_spares_none(transport: Transport, mailbox: Mailbox, since: date) -> None:
    old = mailbox.deliver(MAIL, internal_date=datetime(1996, 1, 1, tzinfo=UTC))
    transport.epoch("INBOX")

    assert transport.keys("INBOX", since=since) == [old]


@pytest.mark.req("PR-09")
def test_size_and_arrival_are_the_servers_word_not_the_mails(transport: Transport, mailbox: Mailbox) -> None:
    arrived = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    mailbox.deliver(MAIL, internal_date=arrived)

    (listed,) = transport.describe(refs(transport))

    assert (listed.size, listed.received_at) == (len(MAIL), arrived)


def test_originals_come_untouched_and_leave_no_trace(transport: Transport, mailbox: Mailbox) -> None:
    mails = [MAIL, MAIL + b"x" * 300_000 + b"\r\n", b"\r\n", b"no header\r\n"]
    mailbox.deliver_all(mails)

    fetched = list(transport.fetch(refs(transport)))

    assert [each.raw for each in fetched] == mails
    assert r"\Seen" not in set().union(*mailbox.flags().values())


def test_headers_alone_end_with_the_empty_line(transport: Transport, mailbox: Mailbox) -> None:
    mailbox.deliver(MAIL)

    (fetched,) = transport.fetch_headers(refs(transport))

    assert fetched.raw == MAIL[: MAIL.index(b"\r\n\r\n") + 4]


@pytest.mark.req("FT-41")
def test_what_has_vanished_is_left_out_and_the_rest_still_comes(transport: Transport, mailbox: Mailbox) -> None:
    keys = mailbox.deliver_all([b"%d\r\n" % number for number in range(4)])
    listed = refs(transport)
    mailbox.remove(keys[1])

    assert [each.raw for each in transport.fetch(listed)] == [b"0\r\n", b"2\r\n", b"3\r\n"]
    transport.epoch("INBOX")  # until then a server may go by what it had told us
    assert [each.ref.key for each in transport.describe(listed)] == [keys[0], keys[2], keys[3]]


@pytest.mark.req("FT-41", "S3-05")
@pytest.mark.parametrize("kind", LEAVES, ids=" ".join, indirect=True)
def test_moving_is_done_once_however_often_it_is_asked(transport: Transport, mailbox: Mailbox) -> None:
    mailbox.deliver_all([b"one\r\n", b"two\r\n", b"three\r\n"])
    done = transport.ensure_folder("Done")
    one, two, three = refs(transport)

    assert transport.move([one, two], done)
    assert transport.move([one, two], done)
    assert transport.move([two, three], done)

    assert mailbox.mails() == []
    assert sorted(mailbox.mails(done)) == [b"one\r\n", b"three\r\n", b"two\r\n"]


@pytest.mark.req("FT-13", "S3-05")
@pytest.mark.parametrize("kind", STAYS, ids=" ".join, indirect=True)
def test_a_server_that_cannot_move_says_so_and_keeps_the_mail(transport: Transport, mailbox: Mailbox) -> None:
    uid = mailbox.deliver(MAIL)
    done = transport.ensure_folder("Done")

    assert not transport.move(refs(transport), done)

    assert mailbox.flags()[uid] >= {r"\Seen"}
    assert (len(mailbox.mails()), mailbox.mails(done)) == (1, [])


@pytest.mark.req("FT-42")
def test_mail_that_people_have_marked_deleted_survives_us(transport: Transport, mailbox: Mailbox) -> None:
    theirs = mailbox.deliver(b"theirs\r\n", flags=[r"\Deleted"])
    mailbox.deliver(b"ours\r\n")

    transport.move(refs(transport), transport.ensure_folder("Done"))
    transport.epoch("Done" if "Done" in mailbox.folders() else "INBOX.Done")
    transport.__exit__(None, None, None)

    assert theirs in mailbox.uids()


@pytest.mark.req("FT-40")
@pytest.mark.parametrize("kind", LEAVES, ids=" ".join, indirect=True)
def test_a_missing_target_is_named_and_nothing_is_lost(transport: Transport, mailbox: Mailbox) -> None:
    uid = mailbox.deliver(MAIL)

    with pytest.raises(TransportError, match="Nowhere") as failure:
        transport.move(refs(transport), "Nowhere")

    assert (failure.value.field, failure.value.permanent) == ("folders", True)
    assert r"\Deleted" not in mailbox.flags()[uid]
    assert transport.keys("INBOX") == [uid]


@pytest.mark.req("FT-24", "FT-25")
def test_keys_of_another_epoch_are_never_used(connect: Connect, mailbox: Mailbox) -> None:
    mailbox.deliver(MAIL)
    with connect() as before:
        old = refs(before)
    mailbox.forget_uids()

    with connect() as after:
        assert after.epoch("INBOX") != old[0].epoch
        assert list(after.fetch(old)) == []
        with pytest.raises(TransportError, match="numbered the mails in INBOX anew"):
            after.move(old, after.ensure_folder("Done"))

    assert mailbox.mails() == [MAIL]


def test_looking_only_changes_nothing(connect: Connect, mailbox: Mailbox) -> None:
    mailbox.deliver(MAIL)
    before = mailbox.flags()

    with connect() as transport:
        epoch = transport.epoch("INBOX", readonly=True)
        listed = [MessageRef("INBOX", key, epoch) for key in transport.keys("INBOX")]
        assert len(list(transport.fetch(listed))) == 1

    assert mailbox.flags() == before
