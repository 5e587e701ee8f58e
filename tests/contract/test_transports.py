"""What every transport promises, asked of each one against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mailchannel.transports import TRANSPORTS, MessageRef, Remover, Transport, TransportError
from tests.contract.harness import (
    HARNESSES,
    KINDS,
    Box,
    Harness,
    Kind,
    able,
    harness_of,
    unable,
    with_password,
)

pytestmark = pytest.mark.slow

MAIL = (
    b"From: a@example.com\r\nSubject: Gr\xfc\xdfe\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\nHi\r\n.\r\n\xff\r\n"
)


@pytest.fixture(params=KINDS, ids=" ".join)
def kind(request: pytest.FixtureRequest) -> Kind:
    key, name = request.param
    return key, name


@pytest.fixture
def harness(kind: Kind) -> Harness:
    return harness_of(kind)


@pytest.fixture
def mailbox(harness: Harness, request: pytest.FixtureRequest) -> Box:
    box: Box = harness.make(request)
    return box


Connect = Callable[..., Transport]


@pytest.fixture
def connect(kind: Kind, harness: Harness, mailbox: Box) -> Connect:
    """`connect(mailbox, port=1)`: with these settings changed."""

    def build(box: Box = mailbox, **changed: Any) -> Transport:
        return TRANSPORTS[kind[0]]({**box.settings, **changed}, harness.way(box))

    return build


@pytest.fixture
def transport(connect: Connect) -> Iterator[Transport]:
    with connect() as transport:
        yield transport


def refs(transport: Transport, folder: str = "INBOX") -> list[MessageRef]:
    transport.epoch(folder)
    epoch = transport.epoch(folder)  # looks again: what came after we signed in need not show the first time
    return [MessageRef(folder, key, epoch) for key in transport.keys(folder)]


def test_every_transport_has_a_harness() -> None:
    fetching = {each.key for each in TRANSPORTS if not getattr(each, "is_brought", False)}
    assert fetching == set(HARNESSES)


@pytest.mark.req("S1-21", "S3-17")
def test_connecting_tells_what_was_seen_but_never_the_password(transport: Transport, mailbox: Box) -> None:
    notes = " ".join(transport.notes())

    assert mailbox.username in notes
    assert mailbox.password not in notes
    assert mailbox.password not in repr(vars(transport))


def test_a_wrong_password_is_said_at_its_field_and_not_tried_again(
    connect: Connect, harness: Harness, mailbox: Box
) -> None:
    with pytest.raises(TransportError) as failure, connect(with_password(mailbox, "wrong")):
        pass

    assert (failure.value.field, failure.value.permanent) == (harness.password_field, True)
    assert failure.value.__cause__ is None and failure.value.__suppress_context__


def test_a_closed_port_is_said_at_the_host_and_tried_again(connect: Connect, harness: Harness) -> None:
    said = r"answered at (127\.0\.0\.1|localhost), port 1\."
    with pytest.raises(TransportError, match=said) as failure, connect(**harness.closed):
        pass

    assert (failure.value.field, failure.value.permanent) == (harness.host_field, False)


@pytest.mark.req("SS-01")
def test_a_private_host_is_refused_unless_allowed(kind: Kind, harness: Harness, mailbox: Box) -> None:
    guarded = replace(harness.way(mailbox), allow_private=False)
    with (
        pytest.raises(TransportError, match="private or reserved") as failure,
        TRANSPORTS[kind[0]](mailbox.settings, guarded),
    ):
        pass

    assert (failure.value.field, failure.value.permanent) == (harness.host_field, True)


def test_leaving_never_hides_what_went_wrong_before(transport: Transport, connect: Connect) -> None:
    with pytest.raises(ZeroDivisionError), connect() as second:
        second.epoch("INBOX")
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", able("folders"), ids=" ".join, indirect=True)
def test_folders_are_listed_with_what_they_are_for(transport: Transport) -> None:
    folders = {folder.name: folder for folder in transport.folders()}

    assert folders["INBOX"].selectable
    assert [folder.special_use for folder in folders.values()].count("junk") == 1


@pytest.mark.req("PR-02")
@pytest.mark.parametrize("path", ["Done", "Helpdesk/Done", "Erledigt/Größe", 'a "b" & c', "INBOX"])
@pytest.mark.parametrize("kind", able("folders"), ids=" ".join, indirect=True)
def test_a_folder_is_made_once_and_found_under_its_own_name(transport: Transport, path: str) -> None:
    name = transport.ensure_folder(path)

    assert transport.ensure_folder(path) == name
    assert transport.ensure_folder(name) == name
    assert [folder.name for folder in transport.folders()].count(name) == 1
    assert transport.epoch(name)


@pytest.mark.req("PR-02")
@pytest.mark.parametrize("path", ["a\r\nA9 DELETE INBOX", "a\x00b", "x" * 1000, ""])
@pytest.mark.parametrize("kind", able("folders"), ids=" ".join, indirect=True)
def test_a_name_that_cannot_be_a_folder_is_refused(transport: Transport, path: str) -> None:
    for attempt in (transport.ensure_folder, transport.epoch):
        with pytest.raises(TransportError, match="1 to 255 characters") as failure:
            attempt(path)
        assert (failure.value.field, failure.value.permanent) == ("folders", True)


@pytest.mark.parametrize("kind", able("folders"), ids=" ".join, indirect=True)
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
@pytest.mark.parametrize("kind", able("marks"), ids=" ".join, indirect=True)
def test_keys_are_oldest_first_and_leave_out_what_people_deleted_or_still_write(
    transport: Transport, mailbox: Box
) -> None:
    first = mailbox.deliver(MAIL, flags=[r"\Seen"])
    mailbox.deliver(MAIL, flags=[r"\Deleted"])
    mailbox.deliver(MAIL, flags=[r"\Draft"])
    last = mailbox.deliver(MAIL)

    assert [ref.key for ref in refs(transport)] == [first, last]


@pytest.mark.req("PR-09", "S1-19", "S3-16")
@pytest.mark.parametrize("kind", able("arrival"), ids=" ".join, indirect=True)
def test_a_start_date_spares_old_mail_by_the_time_the_server_took_it_in(transport: Transport, mailbox: Box) -> None:
    mailbox.deliver(MAIL, internal_date=datetime(2025, 1, 1, tzinfo=UTC))
    recent = mailbox.deliver(MAIL, internal_date=datetime(2026, 6, 1, tzinfo=UTC))
    transport.epoch("INBOX")

    assert transport.keys("INBOX", since=date(2026, 5, 31)) == [recent]


@pytest.mark.parametrize("kind", able("arrival"), ids=" ".join, indirect=True)
@pytest.mark.parametrize("since", [date.min, date(1, 1, 3), date(1899, 12, 31), date(1970, 1, 2)], ids=str)
def test_a_start_date_before_there_was_mail_spares_none(transport: Transport, mailbox: Box, since: date) -> None:
    old = mailbox.deliver(MAIL, internal_date=datetime(1996, 1, 1, tzinfo=UTC))
    transport.epoch("INBOX")

    assert transport.keys("INBOX", since=since) == [old]


@pytest.mark.req("PR-09")
@pytest.mark.parametrize("kind", able("arrival"), ids=" ".join, indirect=True)
def test_arrival_is_the_servers_word_not_the_mails(transport: Transport, mailbox: Box) -> None:
    arrived = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    mailbox.deliver(MAIL, internal_date=arrived)

    (listed,) = transport.describe(refs(transport))

    assert listed.received_at == arrived


@pytest.mark.parametrize("kind", able("sizes"), ids=" ".join, indirect=True)
def test_the_size_is_known_before_the_mail_is_fetched(transport: Transport, mailbox: Box) -> None:
    mailbox.deliver(MAIL)

    (listed,) = transport.describe(refs(transport))

    assert listed.size == len(MAIL)


@pytest.mark.parametrize("kind", able("bytes"), ids=" ".join, indirect=True)
def test_originals_come_untouched_and_leave_no_trace(transport: Transport, mailbox: Box) -> None:
    mails = [MAIL, MAIL + b"x" * 300_000 + b"\r\n", b"\r\n", b"no header\r\n"]
    mailbox.deliver_all(mails)

    fetched = list(transport.fetch(refs(transport)))

    assert [each.raw for each in fetched] == mails
    assert r"\Seen" not in set().union(*mailbox.flags().values())


@pytest.mark.parametrize("kind", able("bytes"), ids=" ".join, indirect=True)
def test_headers_alone_end_with_the_empty_line(transport: Transport, mailbox: Box) -> None:
    mailbox.deliver(MAIL)

    (fetched,) = transport.fetch_headers(refs(transport))

    assert fetched.raw == MAIL[: MAIL.index(b"\r\n\r\n") + 4]


@pytest.mark.req("FT-41")
@pytest.mark.parametrize("kind", able("bytes"), ids=" ".join, indirect=True)
def test_what_has_vanished_is_left_out_and_the_rest_still_comes(transport: Transport, mailbox: Box) -> None:
    keys = mailbox.deliver_all([b"%d\r\n" % number for number in range(4)])
    listed = refs(transport)
    mailbox.remove(keys[1])

    assert [each.raw for each in transport.fetch(listed)] == [b"0\r\n", b"2\r\n", b"3\r\n"]
    transport.epoch("INBOX")  # until then a server may go by what it had told us
    assert [each.ref.key for each in transport.describe(listed)] == [keys[0], keys[2], keys[3]]


@pytest.mark.req("FT-41", "S3-05")
@pytest.mark.parametrize("kind", able("folders", "moving"), ids=" ".join, indirect=True)
def test_moving_is_done_once_however_often_it_is_asked(transport: Transport, mailbox: Box) -> None:
    mailbox.deliver_all([b"one\r\n", b"two\r\n", b"three\r\n"])
    done = transport.ensure_folder("Done")
    one, two, three = refs(transport)

    assert transport.move([one, two], done)
    assert transport.move([one, two], done)
    assert transport.move([two, three], done)

    assert mailbox.mails() == []
    assert sorted(mailbox.mails(done)) == [b"one\r\n", b"three\r\n", b"two\r\n"]


@pytest.mark.req("FT-13", "S3-05")
@pytest.mark.parametrize("kind", unable("moving", able("folders")), ids=" ".join, indirect=True)
def test_a_server_that_cannot_move_says_so_and_keeps_the_mail(transport: Transport, mailbox: Box) -> None:
    uid = mailbox.deliver(MAIL)
    done = transport.ensure_folder("Done")

    assert not transport.move(refs(transport), done)

    assert mailbox.flags()[uid] >= {r"\Seen"}
    assert (len(mailbox.mails()), mailbox.mails(done)) == (1, [])


@pytest.mark.req("FT-42")
@pytest.mark.parametrize("kind", able("marks", "folders"), ids=" ".join, indirect=True)
def test_mail_that_people_have_marked_deleted_survives_us(transport: Transport, mailbox: Box) -> None:
    theirs = mailbox.deliver(b"theirs\r\n", flags=[r"\Deleted"])
    mailbox.deliver(b"ours\r\n")

    transport.move(refs(transport), transport.ensure_folder("Done"))
    transport.epoch("Done" if "Done" in mailbox.folders() else "INBOX.Done")
    transport.__exit__(None, None, None)

    assert theirs in mailbox.uids()


@pytest.mark.req("FT-40")
@pytest.mark.parametrize("kind", able("folders", "moving"), ids=" ".join, indirect=True)
def test_a_missing_target_is_named_and_nothing_is_lost(transport: Transport, mailbox: Box) -> None:
    uid = mailbox.deliver(MAIL)

    with pytest.raises(TransportError, match="Nowhere") as failure:
        transport.move(refs(transport), "Nowhere")

    assert (failure.value.field, failure.value.permanent) == ("folders", True)
    assert r"\Deleted" not in mailbox.flags()[uid]
    assert transport.keys("INBOX") == [uid]


@pytest.mark.req("FT-24", "FT-25")
@pytest.mark.parametrize("kind", able("epochs"), ids=" ".join, indirect=True)
def test_keys_of_another_epoch_are_never_used(connect: Connect, mailbox: Box) -> None:
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


def test_looking_only_changes_nothing(connect: Connect, mailbox: Box) -> None:
    mailbox.deliver(MAIL)
    before = mailbox.flags()

    with connect() as transport:
        epoch = transport.epoch("INBOX", readonly=True)
        listed = [MessageRef("INBOX", key, epoch) for key in transport.keys("INBOX")]
        assert len(list(transport.fetch(listed))) == 1

    assert mailbox.flags() == before


# --- Those that can also delete, or mark as read -------------------------------------------------

REMOVERS = [kind for kind in KINDS if issubclass(TRANSPORTS[kind[0]], Remover)]


@pytest.fixture
def remover(transport: Transport) -> Remover:
    assert isinstance(transport, Remover)
    return transport


@pytest.mark.req("S4-09")
@pytest.mark.parametrize("kind", able("deleting", kinds=REMOVERS), ids=" ".join, indirect=True)
def test_deleting_is_done_once_however_often_it_is_asked(transport: Transport, remover: Remover, mailbox: Box) -> None:
    mailbox.deliver_all([b"one\r\n", b"two\r\n", b"three\r\n", b"four\r\n"])
    one, two, three, four = refs(transport)

    assert remover.remove([])
    assert remover.remove([one, two])
    assert remover.remove([one, two])
    assert mailbox.mails() == [b"three\r\n", b"four\r\n"]
    mailbox.remove(three.key)
    assert remover.remove([two, three])

    assert [ref.key for ref in refs(transport)] == [four.key]
    assert mailbox.mails() == [b"four\r\n"]


@pytest.mark.req("FT-42")
@pytest.mark.parametrize("kind", unable("deleting", REMOVERS), ids=" ".join, indirect=True)
def test_a_server_that_cannot_delete_says_so_and_keeps_the_mail_as_it_is(
    transport: Transport, remover: Remover, mailbox: Box
) -> None:
    key = mailbox.deliver(MAIL)

    assert not remover.remove(refs(transport))
    transport.__exit__(None, None, None)

    assert mailbox.flags()[key] <= {r"\Recent"}


@pytest.mark.req("FT-42")
@pytest.mark.parametrize("kind", able("marks", "deleting", kinds=REMOVERS), ids=" ".join, indirect=True)
def test_deleting_takes_nothing_along_that_people_have_marked_deleted(
    transport: Transport, remover: Remover, mailbox: Box
) -> None:
    theirs = mailbox.deliver(b"theirs\r\n", flags=[r"\Deleted"])
    mailbox.deliver(b"ours\r\n")

    assert remover.remove(refs(transport))
    transport.__exit__(None, None, None)

    assert mailbox.uids() == [theirs]


@pytest.mark.parametrize("kind", able("reading", kinds=REMOVERS), ids=" ".join, indirect=True)
def test_marking_as_read_leaves_the_mail_where_it_is(transport: Transport, remover: Remover, mailbox: Box) -> None:
    keys = mailbox.deliver_all([b"one\r\n", b"two\r\n", b"three\r\n"])
    one, two, _ = refs(transport)

    assert remover.mark_read([])
    assert remover.mark_read([one, two])
    mailbox.remove(one.key)
    assert remover.mark_read([one, two])

    assert {key: r"\Seen" in flags for key, flags in mailbox.flags().items()} == {keys[1]: True, keys[2]: False}
    assert [ref.key for ref in refs(transport)] == keys[1:]


@pytest.mark.parametrize("kind", unable("reading", REMOVERS), ids=" ".join, indirect=True)
def test_a_server_without_a_mark_for_what_was_read_says_so(
    transport: Transport, remover: Remover, mailbox: Box
) -> None:
    mailbox.deliver(MAIL)

    assert not remover.mark_read(refs(transport))
    assert len(mailbox.mails()) == 1


@pytest.mark.req("FT-24", "FT-25")
@pytest.mark.parametrize("kind", able("epochs", kinds=REMOVERS), ids=" ".join, indirect=True)
def test_nothing_is_deleted_or_marked_by_keys_of_another_epoch(connect: Connect, mailbox: Box) -> None:
    mailbox.deliver(MAIL)
    with connect() as before:
        old = refs(before)
    mailbox.forget_uids()

    with connect() as after:
        assert isinstance(after, Remover)
        for change in (after.remove, after.mark_read):
            with pytest.raises(TransportError, match="numbered the mails in INBOX anew"):
                change(old)

    assert mailbox.mails() == [MAIL]
