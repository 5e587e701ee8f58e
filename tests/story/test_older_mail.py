"""Mail from before the start date: it stands in the mail log, and a folder full of it is not listed at every fetch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from mailchannel.models import FetchRun, InboundMail, MailServer
from mailchannel.services import back_to_inbox, debug, older_mail
from mailchannel.services import settle as settling
from mailchannel.services.fetch import fetch
from mailchannel.services.ways import reading_way
from mailchannel.transports.imap import Imap
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot, pytest.mark.req("S1-19", "S3-16")]

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE = START - timedelta(days=9)


@pytest.fixture
def server(dovecot: Mailbox, new_server: NewServer, agent: User, monkeypatch: pytest.MonkeyPatch) -> MailServer:
    """As if listing a folder by IMAP took as long as by Graph."""
    monkeypatch.setattr(Imap, "lists_by_page", True, raising=False)
    server = new_server(dovecot, sync_start=START, version=1)
    debug.begin(server, hours=24, by=agent)
    return server


def listed() -> list[str]:
    """How the last fetch asked for what lies in the inbox."""
    log = FetchRun.objects.latest("pk").log
    return [line.split(" → ")[0].partition("INBOX")[2].strip() for line in log.splitlines() if "which mails" in line]


def subjects() -> list[str]:
    return sorted(InboundMail.objects.values_list("subject", flat=True))


def test_it_is_looked_for_once_and_new_mail_at_every_fetch(dovecot: Mailbox, server: MailServer) -> None:
    dovecot.deliver(letter(subject="old"), internal_date=BEFORE)
    fetch(server)
    assert listed() == ["", "since 2026-06-01"]

    dovecot.deliver(letter(subject="found later"), internal_date=BEFORE)
    dovecot.deliver(letter(subject="new"), internal_date=START)
    report = fetch(server)

    assert (listed(), report.opened, subjects()) == (["since 2026-06-01"], 1, ["new", "old"])


def test_where_listing_is_one_answer_it_is_looked_for_at_every_fetch(
    dovecot: Mailbox, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Imap, "lists_by_page")
    fetch(server)
    dovecot.deliver(letter(subject="old"), internal_date=BEFORE)

    fetch(server)

    assert subjects() == ["old"]


def test_after_an_hour_it_is_looked_for_again(server: MailServer) -> None:
    box = Imap(server.connection, reading_way(server))
    older_mail.was_looked_for(server, box, "INBOX", "7", timezone.now())

    due = []
    for minutes in (0, 59, 61):
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
            due.append(older_mail.is_due(server, box, "INBOX", "7"))

    assert due == [False, False, True]


@pytest.mark.parametrize("what", ["a publication", "a renumbered folder", "a lost cache"])
def test_it_is_looked_for_at_once_after(what: str, dovecot: Mailbox, server: MailServer) -> None:
    fetch(server)
    if what == "a publication":
        server.update(version=2)
    elif what == "a renumbered folder":
        dovecot.forget_uids()
    else:
        cache.clear()
    dovecot.deliver(letter(subject="old"), internal_date=BEFORE)

    fetch(server)

    assert subjects() == ["old"]


def test_each_folder_is_looked_through_by_itself(dovecot: Mailbox, server: MailServer) -> None:
    fetch(server)
    dovecot.create("Old cases")
    server.folders.create(role="source", folder="Old cases")
    dovecot.deliver(letter(subject="old"), "Old cases", internal_date=BEFORE)

    fetch(server)

    assert subjects() == ["old"]


def test_a_fetch_that_breaks_off_has_not_looked(
    dovecot: Mailbox, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(letter(subject="old"), internal_date=BEFORE)
    with monkeypatch.context() as broken:
        broken.setattr("mailchannel.services.receive.keep", lambda *_: 1 / 0)
        assert fetch(server).error

    fetch(server)

    assert subjects() == ["old"]


def test_mail_that_is_put_back_is_found_whenever_it_came(
    dovecot: Mailbox, server: MailServer, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.deliver(letter(), internal_date=BEFORE)
    with monkeypatch.context() as broken:
        broken.setattr(settling, "parse", lambda *_, **__: 1 / 0)
        fetch(server)
    assert len(dovecot.mails("Failed")) == 1

    back_to_inbox.put_back(server, list(InboundMail.objects.all()), by=agent)
    fetch(server)

    row = InboundMail.objects.get()
    assert (row.retry_at, row.reason) == (None, "ignored.before_start_date")
    fetch(server)
    assert listed() == ["since 2026-06-01"]


def test_of_very_much_of_it_the_newest_is_listed(
    dovecot: Mailbox, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_mail, "LOGGED", 2)
    for number in range(4):
        dovecot.deliver(letter(subject=f"old {number}"), internal_date=BEFORE + timedelta(hours=number))

    fetch(server)

    assert subjects() == ["old 2", "old 3"]


def test_a_cache_out_of_reach_keeps_no_mail_from_coming(
    dovecot: Mailbox, server: MailServer, settings: Any, tmp_path: Path
) -> None:
    taken = tmp_path / "file"
    taken.write_text("no directory")
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(taken)}}
    with pytest.raises(OSError, match="file"):
        cache.set("x", 1)
    dovecot.deliver(letter(subject="old"), internal_date=BEFORE)
    dovecot.deliver(letter(subject="new"), internal_date=START)

    reports = [fetch(server) for _ in range(2)]

    assert [(report.fetched, report.error) for report in reports] == [(2, ""), (0, "")]
