"""kill -9 at every failpoint: whatever dies where, each mail ends as exactly one ticket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailchannel.kernel.failpoints import NAMES, VARIABLE
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import back_to_inbox, fail_folder, sandbox
from mailchannel.services import settle as settling
from mailchannel.services.fetch import fetch
from mailchannel.services.push import accept
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import forked
from tests.servers.fixtures import Failpoint
from tests.servers.mailbox import Mailbox
from tickets.models import Ticket

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_MOVE = {"imap.copied", "imap.flag_deleted", "imap.expunged"}
INTAKE = [name for name in NAMES if not name.startswith(("send.", "back.", "pop3.", "imap.flag_seen"))]
AFTERWARDS = ["settle.committed", "imap.flag_deleted", "imap.expunged", "file.committed"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot, pytest.mark.slow]


def fetch_in_a_process(environment: dict[str, str], failpoint: str = "") -> int:
    """Its exit status; -9 when it was killed."""
    return forked("fetch_mail", "--wait", "20", env={**environment, VARIABLE: failpoint} if failpoint else environment)


def check_exactly_once(mailbox: Mailbox, foreign: str, subjects: set[str]) -> None:
    assert sorted(Ticket.objects.values_list("title", flat=True)) == sorted(subjects)
    assert set(InboundMail.objects.values_list("outcome", flat=True)) == {"opened"}
    assert not InboundMail.objects.filter(remote="pending").exists()
    assert mailbox.uids("INBOX") == [foreign]
    assert "\\Deleted" in mailbox.flags("INBOX")[foreign]


@pytest.mark.parametrize("failpoint", [name for name in INTAKE if name not in WITHOUT_MOVE])
def test_killed_anywhere_with_move(
    failpoint: str, dovecot: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    kill_and_fetch_again(failpoint, dovecot, new_server, command_environment)
    assert len(dovecot.mails("Processed")) == 3


@pytest.mark.parametrize("failpoint", [name for name in INTAKE if name != "imap.moved"])
def test_killed_anywhere_without_move(
    failpoint: str, dovecot_without_move: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    kill_and_fetch_again(failpoint, dovecot_without_move, new_server, command_environment)
    copies = len(dovecot_without_move.mails("Processed"))
    assert copies == 3 or (failpoint == "imap.copied" and copies == 6)


def kill_and_fetch_again(failpoint: str, mailbox: Mailbox, new_server: NewServer, environment: dict[str, str]) -> None:
    new_server(mailbox)
    foreign, subjects = deliver_three(mailbox)

    assert fetch_in_a_process(environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    assert all("\\Seen" not in flags for flags in mailbox.flags("INBOX").values())
    report = fetch(MailServer.objects.get(), wait=5)

    assert report.error == ""
    check_exactly_once(mailbox, foreign, subjects)


@pytest.mark.req("S4-09")
@pytest.mark.parametrize("failpoint", AFTERWARDS)
def test_killed_anywhere_where_mail_is_deleted(
    failpoint: str, dovecot: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    server = new_server(dovecot, after={"processed": "delete"})
    foreign, subjects = deliver_three(dovecot)

    assert fetch_in_a_process(command_environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    gone = {"imap.expunged", "file.committed"}
    assert len(dovecot.mails("INBOX")) == (1 if failpoint in gone else 4)
    assert Ticket.objects.count() == 3  # nothing is deleted before its ticket is stored
    report = fetch(server, wait=5)

    assert report.error == ""
    check_exactly_once(dovecot, foreign, subjects)
    assert set(InboundMail.objects.values_list("remote", flat=True)) == {"deleted"}
    assert "Processed" not in dovecot.folders()


@pytest.mark.parametrize("failpoint", ["settle.committed", "imap.flag_seen", "file.committed"])
def test_killed_anywhere_where_mail_is_marked_as_read(
    failpoint: str, dovecot: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    server = new_server(dovecot, after={"processed": "mark_read"})
    foreign, subjects = deliver_three(dovecot)

    assert fetch_in_a_process(command_environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    report = fetch(server, wait=5)

    assert report.error == ""
    assert sorted(Ticket.objects.values_list("title", flat=True)) == sorted(subjects)
    assert set(InboundMail.objects.values_list("outcome", "remote")) == {("opened", "kept")}
    read = {uid: "\\Seen" in flags for uid, flags in dovecot.flags("INBOX").items()}
    assert [uid for uid, seen in read.items() if not seen] == [foreign]
    assert len(read) == 4


def deliver_three(mailbox: Mailbox) -> tuple[str, set[str]]:
    """What a person has marked deleted, and the subjects of what customers wrote."""
    foreign = mailbox.deliver(letter(subject="deleted by a person"))
    mailbox.flag(foreign, "\\Deleted")
    subjects = {f"mail {n}" for n in range(3)}
    mailbox.deliver_all([letter(subject=subject) for subject in sorted(subjects)])
    return foreign, subjects


def test_killed_at_one_point_after_the_other_in_one_mailbox(
    dovecot: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    new_server(dovecot)
    foreign, subjects = deliver_three(dovecot)

    killed = [
        fetch_in_a_process(command_environment, f"{name}:1:kill") == -signal.SIGKILL
        for name in INTAKE
        if name not in WITHOUT_MOVE
    ]
    report = fetch(MailServer.objects.get(), wait=5)

    assert sum(killed) >= 8
    assert report.error == ""
    check_exactly_once(dovecot, foreign, subjects)


def test_a_mail_whose_reader_dies_is_set_aside_and_the_others_go_on(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch, failpoint: Failpoint
) -> None:
    """The first run died while settling (the attempts are counted); now the poison kills the child as well."""
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject="good"), letter(subject="poison"), letter(subject="good too")])
    parse = settling.parse

    def deadly(raw: bytes, *, size: int | None = None) -> ParsedMail:
        if b"poison" in raw:
            os.kill(os.getpid(), signal.SIGKILL)
        return parse(raw, size=size)

    failpoint("settle.attempt_committed:1:raise")
    assert fetch(server).error
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(settling, "parse", deadly)
    report = fetch(server)

    assert report.error == ""
    assert dict(InboundMail.objects.values_list("subject", "reason")) == {
        "good": "accepted.new",
        "": "failed.died",
        "good too": "accepted.new",
    }
    assert len(dovecot.mails("Failed")) == 1


def test_a_mail_the_parser_gives_up_on_does_not_stop_the_others(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject="good"), letter(subject="poison"), letter(subject="good too")])
    parse = settling.parse

    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return parse(raw, size=size)

    monkeypatch.setattr(settling, "parse", buggy)
    report = fetch(server)

    assert (report.opened, report.failed, report.error) == (2, 1, "")
    assert InboundMail.objects.get(outcome="failed").reason == "failed.parse"
    assert len(dovecot.mails("Failed")) == 1


def test_a_child_that_takes_too_long_is_ended(settings) -> None:  # type: ignore[no-untyped-def]
    settings.MAIL_LIMITS = {**settings.MAIL_LIMITS, "seconds": 1}

    assert "more than 1 seconds" in sandbox.run_in_child(signal.pause)


def spin() -> None:
    while True:
        pass


def hoard() -> None:
    bytearray(10**12)


@pytest.mark.parametrize(
    ("burden", "reason"), [(spin, "failed.died"), (hoard, "failed.parse"), (signal.pause, "failed.died")]
)
def test_a_second_attempt_that_costs_too_much_is_ended_and_the_others_go_on(
    burden: Callable[[], object], reason: str, new_server: NewServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_LIMITS = {**settings.MAIL_LIMITS, "seconds": 1}
    server = new_server()
    poison, good = (accept(server, letter(subject=subject), transport="pipe").row for subject in ("poison", "good"))
    InboundMail.objects.filter(pk=poison.pk).update(attempts=1)
    parse = settling.parse

    def costly(raw: bytes, *, size: int | None = None) -> ParsedMail:
        if b"poison" in raw:
            burden()
        return parse(raw, size=size)

    monkeypatch.setattr(settling, "parse", costly)
    settling.settle(server)

    assert dict(InboundMail.objects.values_list("pk", "outcome")) == {poison.pk: "failed", good.pk: "opened"}
    assert InboundMail.objects.get(pk=poison.pk).reason == reason


def test_two_workers_without_a_lease_make_each_ticket_once(
    dovecot: Mailbox, new_server: NewServer, command_environment: dict[str, str]
) -> None:
    """An operator's mistake (two hosts, no common lease): the unique keys still hold."""
    new_server(dovecot)
    dovecot.deliver_all([letter(subject=f"mail {n}") for n in range(40)])

    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER_WITHOUT_LEASE],
            cwd=ROOT,
            env=command_environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.wait(timeout=60)
    fetch(MailServer.objects.get(), wait=5)

    assert Ticket.objects.count() == 40
    assert not InboundMail.objects.filter(outcome="received").exists()


WAY_BACK = ["back.marked", "imap.moved", "imap.copied", "imap.flag_deleted", "imap.expunged", "back.moved"]


@pytest.mark.req("S4-32")
@pytest.mark.parametrize("repeated", [False, True], ids=["fetched next", "pressed again"])
@pytest.mark.parametrize("failpoint", WAY_BACK)
def test_killed_while_a_failed_mail_is_put_back(
    failpoint: str,
    repeated: bool,
    dovecot: Mailbox,
    dovecot_without_move: Mailbox,
    new_server: NewServer,
    command_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever dies where, and whoever goes on: the mail is one ticket in the end, and one row in the log."""
    mailbox = dovecot_without_move if failpoint in WITHOUT_MOVE else dovecot
    server = new_server(mailbox)
    make_one_fail(server, mailbox, monkeypatch)

    assert put_back_in_a_process(command_environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    for _ in range(2):
        if repeated or not Ticket.objects.exists():  # the mail still waits for somebody to press the button
            back_to_inbox.put_back(server, fail_folder.failed(server), by=None)
        report = fetch(MailServer.objects.get(), wait=5)

    assert report.error == ""
    assert Ticket.objects.count() == 1
    assert list(InboundMail.objects.filter(duplicate_of=None).values_list("outcome", flat=True)) == ["opened"]
    assert fail_folder.count(server) == 0
    assert mailbox.mails("INBOX") == []


@pytest.mark.req("S4-32")
@pytest.mark.parametrize("failpoint", ["imap.fetched", "keep.inserted", "keep.committed", "imap.moved"])
def test_killed_while_a_mail_that_was_put_back_is_fetched(
    failpoint: str,
    dovecot: Mailbox,
    new_server: NewServer,
    command_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = new_server(dovecot)
    make_one_fail(server, dovecot, monkeypatch)
    back_to_inbox.put_back(server, fail_folder.failed(server), by=None)

    assert fetch_in_a_process(command_environment, f"{failpoint}:1:kill") == -signal.SIGKILL
    report = fetch(MailServer.objects.get(), wait=5)

    assert report.error == ""
    assert (Ticket.objects.count(), InboundMail.objects.get().outcome) == (1, "opened")
    assert (dovecot.mails("INBOX"), dovecot.mails("Failed"), len(dovecot.mails("Processed"))) == ([], [], 1)


def make_one_fail(server: MailServer, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a bug that is mended afterwards."""
    mailbox.deliver(letter(subject="once poison"))
    parse = settling.parse

    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        raise RecursionError("too deep")

    with monkeypatch.context() as bug:
        bug.setattr(settling, "parse", buggy)
        fetch(server)
    assert parse is settling.parse
    assert fail_folder.count(server) == 1


def put_back_in_a_process(environment: dict[str, str], failpoint: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PUT_BACK],
        cwd=ROOT,
        env={**environment, VARIABLE: failpoint},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


PUT_BACK = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "helpdesk.settings"
django.setup()
from mailchannel.models import MailServer
from mailchannel.services import back_to_inbox, fail_folder
server = MailServer.objects.get()
back_to_inbox.put_back(server, fail_folder.failed(server), by=None)
"""


WORKER_WITHOUT_LEASE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "helpdesk.settings"
django.setup()
from mailchannel.models import MailServer
from mailchannel.services import lease
lease._take = lambda server_id: type("Free", (lease.Lease,), {"renew": lambda self: None})(server_id, "nobody")
from mailchannel.services.fetch import fetch
fetch(MailServer.objects.get())
"""
