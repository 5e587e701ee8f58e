"""A mailbox read over POP3: left on the server or taken from it, and each mail one ticket whatever dies where."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from mailchannel.kernel.failpoints import NAMES
from mailchannel.models import Alert, InboundMail, MailServer
from mailchannel.services import after, mailbox_counts, settle, trouble
from mailchannel.services.fetch import fetch
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.fixtures import Failpoint
from tests.servers.mailbox import Mailbox, Pop3Mailbox
from tests.servers.pop3 import Pop3Server
from tests.story.test_crashes import fetch_in_a_process
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]

DELETE = {"processed": "delete", "ignored": "delete"}
Make = Callable[..., MailServer]


@pytest.fixture
def mailbox(dovecot: Mailbox) -> Pop3Mailbox:
    return Pop3Mailbox.of(dovecot)


@pytest.fixture
def make(new_server: NewServer) -> Make:
    """A mail server that reads this mailbox over POP3."""

    def build(mailbox: Any, **columns: Any) -> MailServer:
        return new_server(mailbox, protocol="pop3", **columns)

    return build


@pytest.fixture
def new_pop3() -> Iterator[Callable[..., Pop3Server]]:
    with ExitStack() as running:
        yield lambda *mails, **script: running.enter_context(Pop3Server(*mails, **script))


def titles() -> list[str]:
    return sorted(Ticket.objects.values_list("title", flat=True))


def remotes() -> list[str]:
    return list(InboundMail.objects.order_by("pk").values_list("remote", flat=True))


def test_a_mail_becomes_a_ticket_and_stays_on_the_server(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox)
    mailbox.deliver(letter(subject="Printer on fire"))

    reports = [fetch(server) for _ in range(3)]

    assert [(report.fetched, report.filed, report.error) for report in reports] == [(1, 0, ""), (0, 0, ""), (0, 0, "")]
    assert (titles(), remotes(), len(mailbox.mails())) == (["Printer on fire"], ["kept"], 1)


@pytest.mark.req("S4-09")
def test_mail_is_taken_from_the_server_once_it_is_a_ticket(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox, after=DELETE)
    subjects = [f"mail {number:02}" for number in range(60)]  # more than go in one visit
    mailbox.deliver_all([letter(subject=subject) for subject in subjects])

    report = fetch(server)

    assert (report.opened, report.filed, report.error) == (60, 60, "")
    assert titles() == subjects
    assert (set(remotes()), mailbox.mails()) == ({"deleted"}, [])


@pytest.mark.req("S4-09")
def test_mail_that_failed_is_never_deleted(mailbox: Pop3Mailbox, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = make(mailbox, after=DELETE)
    mailbox.deliver_all([letter(subject="good"), letter(subject="poison")])
    parse = settle.parse

    def buggy(raw: bytes, *, size: int | None = None) -> Any:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return parse(raw, size=size)

    monkeypatch.setattr(settle, "parse", buggy)
    report = fetch(server)

    assert (report.opened, report.failed, report.error) == (1, 1, "")
    assert [b"poison" in raw for raw in mailbox.mails()] == [True]


@pytest.mark.req("S4-34")
def test_without_folders_there_is_no_fail_folder_to_set_up(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox)

    assert not trouble.has_fail_folder(server)
    assert not trouble.moves_failed(server)
    choices = {spec.name: [key for key, _ in spec.choices] for spec in after.specs_of("pop3")}
    assert choices == {"processed": ["leave", "delete"], "ignored": ["leave", "delete"]}


@pytest.mark.req("S3-16")
def test_the_start_date_goes_by_when_the_server_took_a_mail_in(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox, sync_start=datetime(2026, 6, 1, tzinfo=UTC), after=DELETE)
    old, new = (f"from a by b; {day} 2026 00:00:00 +0000\r\n" for day in ("31 May", "1 Jun"))
    mailbox.deliver_all([f"Received: {old}".encode() + letter(subject="old")])
    mailbox.deliver_all([f"Received: {new}".encode() + letter(subject="new")])

    counts = mailbox_counts.count(server)
    fetch(server)

    assert (counts.mails, counts.skipped) == (1, 1)
    assert titles() == ["new"]
    assert [b"Subject: old" in raw for raw in mailbox.mails()] == [True]


# --- Whatever dies where ------------------------------------------------------------------------

ROAD = [name for name in NAMES if name.startswith(("pop3.", "lease.", "keep.", "settle.", "file."))]


@pytest.mark.slow
@pytest.mark.req("FT-14", "FT-15")
@pytest.mark.parametrize("failpoint", ROAD)
def test_killed_anywhere(failpoint: str, mailbox: Pop3Mailbox, make: Make, command_environment: dict[str, str]) -> None:
    server = make(mailbox, after=DELETE)
    subjects = ["one", "two", "three"]
    mailbox.deliver_all([letter(subject=subject) for subject in subjects])

    assert fetch_in_a_process(command_environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    report = fetch(server, wait=5)

    assert report.error == ""
    assert titles() == sorted(subjects)
    assert set(InboundMail.objects.values_list("outcome", "remote")) == {("opened", "deleted")}
    assert mailbox.mails() == []


@pytest.mark.slow
@pytest.mark.req("PR-14")
def test_a_name_given_away_while_we_were_dead_deletes_nobody_elses_mail(
    mailbox: Pop3Mailbox, make: Make, command_environment: dict[str, str]
) -> None:
    """QUIT was done and not noted: the next run is about to delete by a name that means another mail now."""
    server = make(mailbox, after=DELETE)
    mailbox.deliver(letter(subject="first"))
    assert fetch_in_a_process(command_environment, "pop3.deleted:1:kill") == -signal.SIGKILL
    assert (remotes(), mailbox.mails()) == (["pending"], [])

    mailbox.forget_uids()
    mailbox.deliver(letter(subject="second"))
    report = fetch(MailServer.objects.get(pk=server.pk), wait=5)

    assert (report.error, titles()) == ("", ["first", "second"])


# --- Names --------------------------------------------------------------------------------------


@pytest.mark.req("PR-14")
def test_a_name_that_is_used_again_brings_a_new_mail(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox, after=DELETE)

    for subject in ("first", "second", "third"):
        mailbox.forget_uids()
        assert mailbox.deliver(letter(subject=subject)) == "1"
        assert fetch(server).error == ""

    assert titles() == ["first", "second", "third"]
    assert mailbox.mails() == []


@pytest.mark.req("PR-14")
def test_a_deleted_mail_that_is_there_again_stays_one_ticket_and_is_let_be(mailbox: Pop3Mailbox, make: Make) -> None:
    server = make(mailbox, after=DELETE)
    raw = letter()
    for _ in range(3):
        mailbox.forget_uids()
        if not mailbox.mails():
            mailbox.deliver(raw)
        fetch(server)

    assert (Ticket.objects.count(), remotes()) == (1, ["kept"])
    assert mailbox.mails() == [raw]


@pytest.mark.req("PR-13")
def test_without_names_nothing_is_fetched_twice_and_the_log_does_not_grow(
    new_pop3: Callable[..., Pop3Server], make: Make
) -> None:
    mails = {key: letter(subject=key) for key in ("one", "two")}
    box = new_pop3(mails, abilities=("USER", "TOP"), answers={"UIDL": b"-ERR unknown\r\n"})
    server = make(box)

    first, again = fetch(server), fetch(server)
    box.mails["three"] = letter(subject="three")
    del box.mails["one"]
    third = fetch(server)

    assert [report.fetched for report in (first, again, third)] == [2, 0, 1]
    assert (titles(), InboundMail.objects.count()) == (["one", "three", "two"], 3)


# --- Servers in the way -------------------------------------------------------------------------


def test_a_server_that_will_not_delete_keeps_no_mail_from_becoming_a_ticket(
    new_pop3: Callable[..., Pop3Server], make: Make
) -> None:
    refusal = b"-ERR [SYS/PERM] read only\r\n"
    box = new_pop3({"a": letter(subject="one")}, answers={"DELE": [refusal, refusal]})
    server = make(box, after=DELETE)

    first = fetch(server)
    box.mails["b"] = letter(subject="two")
    second = fetch(server)

    assert "did not delete mail" in first.error and "did not delete mail" in second.error
    assert (titles(), remotes(), sorted(box.mails)) == (["one", "two"], ["pending", "pending"], ["a", "b"])
    assert fetch(server).error == ""
    assert (remotes(), box.mails) == (["deleted", "deleted"], {})


@pytest.mark.req("PR-17")
def test_a_mailbox_in_use_is_tried_again_later_without_an_alarm(
    new_pop3: Callable[..., Pop3Server], make: Make
) -> None:
    box = new_pop3({"a": letter(subject="one")}, answers={"PASS": [b"-ERR [IN-USE] somebody reads it\r\n"]})
    server = make(box)

    first = fetch(server)

    assert "somebody reads it" in first.error
    assert (len(box.visits), Alert.objects.count()) == (1, 0)
    server.refresh_from_db()
    assert server.next_fetch_at is not None
    assert fetch(server).error == ""
    assert titles() == ["one"]


def test_a_line_that_dies_while_deleting_is_made_good_by_the_next_run(
    mailbox: Pop3Mailbox, make: Make, failpoint: Failpoint
) -> None:
    server = make(mailbox, after=DELETE)
    mailbox.deliver_all([letter(subject="one"), letter(subject="two")])

    failpoint("pop3.marked:1:raise")
    assert fetch(server).error
    assert (len(mailbox.mails()), remotes()) == (2, ["pending", "pending"])

    assert fetch(server).error == ""
    assert (mailbox.mails(), remotes(), titles()) == ([], ["deleted", "deleted"], ["one", "two"])
