"""Mail that stays in its folder after the original took it in is none of the copy's."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailchannel.models import FolderMapping, InboundMail, MailServer
from mailchannel.services import back_to_inbox, publish
from mailchannel.services.copying import copy
from mailchannel.services.fetch import fetch
from mailchannel.services.mailbox_counts import count
from mailchannel.services.push import accept
from mailchannel.services.rehearsal import rehearse
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.services.settle import settle
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tests.story.test_fail_folder import Mend, mend, poison  # noqa: F401 - a fixture here, too
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]


@pytest.fixture
def original(dovecot: Mailbox, new_server: NewServer) -> MailServer:
    """Published an hour ago; leaves every mail where it is."""
    begun = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    server = new_server(dovecot, published_at=begun, sync_start=begun, version=1, reached=5)
    server.folders.filter(role__in=("success", "exclusion")).delete()
    return server


def taken_over(original: MailServer) -> MailServer:
    made = copy(original, by=None)
    publish.publish(made, by=None, take_over=True)
    return MailServer.objects.get(pk=made.pk)


def give_back(original: MailServer, made: MailServer) -> None:
    publish.pause(made, by=None)
    publish.resume(original, by=None)
    original.refresh_from_db()


def titles() -> list[str]:
    return sorted(Ticket.objects.values_list("title", flat=True))


@pytest.mark.req("S0-33")
def test_mail_left_in_place_becomes_no_second_ticket_there_and_back(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    dovecot.deliver(letter(subject="two"))
    made = taken_over(original)
    assert fetch(made).fetched == 1
    dovecot.deliver(letter(subject="three"))
    give_back(original, made)

    assert fetch(original).fetched == 1
    assert titles() == ["one", "three", "two"]
    assert len(dovecot.mails("INBOX")) == 3


def test_a_folder_numbered_anew_is_recognised_by_what_its_mails_say(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.deliver_all([letter(subject="one"), letter(subject="two")])
    fetch(original)
    made = taken_over(original)
    dovecot.forget_uids()

    report = fetch(made)

    assert (report.fetched, report.duplicates) == (2, 2)
    assert titles() == ["one", "two"]
    assert {row.duplicate_of.server for row in InboundMail.objects.filter(server=made)} == {original}  # type: ignore[union-attr]


def test_mail_of_a_settled_day_that_a_person_moves_back_is_recognised(dovecot: Mailbox, original: MailServer) -> None:
    raw = letter(subject="one")
    dovecot.deliver(raw)
    fetch(original)
    made = taken_over(original)

    dovecot.deliver(raw)
    report = fetch(made)

    assert (report.duplicates, report.opened) == (1, 0)


def test_mail_the_original_could_not_move_any_more_is_left_alone(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.create("Done")
    dovecot.deliver(letter(subject="one"))
    original.folders.create(role=FolderMapping.Role.SUCCESS, folder="Done//")  # no server makes such a folder
    report = fetch(original)
    assert report.error
    assert InboundMail.objects.get().remote == "pending"

    made = taken_over(original)

    assert fetch(made).fetched == 0
    assert titles() == ["one"]


def test_failed_mail_of_the_original_that_is_put_back_becomes_a_ticket_of_the_copy(
    dovecot: Mailbox,
    original: MailServer,
    mend: Mend,  # noqa: F811
) -> None:
    dovecot.deliver(poison())
    fetch(original)
    made = taken_over(original)
    mend()
    back_to_inbox.put_back(original, InboundMail.objects.all(), by=None)

    assert [fetch(made).opened for _ in range(2)] == [1, 0]
    row = InboundMail.objects.get()
    assert (row.outcome, row.server, row.retry_at) == ("opened", made, None)


def test_the_count_of_mails_knows_what_the_original_took_in(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    dovecot.deliver(letter(subject="two"))
    made = copy(original, by=None)

    (folder,) = count(made).folders

    assert (folder.total, folder.known) == (2, 1)


@pytest.mark.parametrize("anew", [False, True], ids=["by its key", "by what it says"])
def test_a_dry_run_of_the_copy_knows_what_the_original_took_in(
    dovecot: Mailbox, original: MailServer, *, anew: bool
) -> None:
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    dovecot.deliver(letter(subject="two"))
    if anew:
        dovecot.forget_uids()
    made = copy(original, by=None)

    rows = [row.after for row in rehearse(made, ignore_start=True).rows]

    assert [(row.subject, row.known_as is None, row.outcome) for row in rows] == [
        ("one", anew, "duplicate" if anew else "opened"),
        ("two", True, "opened"),
    ]


def test_the_same_mail_in_another_folder_or_handed_over_is_a_mail_of_its_own(
    dovecot: Mailbox, original: MailServer
) -> None:
    raw = letter(subject="one")
    dovecot.create("Sales")
    dovecot.deliver(raw)
    dovecot.deliver(raw, folder="Sales")
    fetch(original)
    sales = copy(original, by=None)
    sales.folders.filter(role=FolderMapping.Role.SOURCE).update(folder="Sales")
    sales.update(sync_start=original.sync_start)
    publish.publish(sales, by=None)

    assert fetch(MailServer.objects.get(pk=sales.pk)).opened == 1
    accept(sales, letter(subject="two"), transport="pipe")
    accept(original, InboundMail.objects.latest("pk").raw.content, transport="pipe")
    settle(sales)
    settle(original)
    assert titles() == ["one", "one", "two", "two"]


@pytest.mark.req("S0-33")
def test_a_settings_file_makes_no_second_reader_either(original: MailServer, tmp_path: Path) -> None:
    made = copy(original, by=None)
    publish.publish(made, by=None, take_over=True)
    apart = copy(original, by=None)
    apart.folders.filter(role=FolderMapping.Role.SOURCE).update(folder="Sales")
    publish.publish(apart, by=None)

    def apply(text: str) -> None:
        call_command("channel_config", "apply", _written(tmp_path, f"mail_servers:\n  - {text}\n"), stdout=StringIO())

    for entry in ("{name: Support (copy 2), folders: {source: [INBOX]}}", "{name: Support, status: active}"):
        with pytest.raises(CommandError, match="connection.username: “Support .copy.” reads INBOX of the same account"):
            apply(entry)
    apply("{name: Support (copy 2), folders: {source: [INBOX]}, status: paused}")
    apply("{name: Support, address: help@example.com}")
    assert MailServer.objects.filter(status="active").get() == made


def _written(folder: Path, text: str) -> str:
    file = folder / "channel.yaml"
    file.write_text(text)
    return str(file)


def test_a_long_past_of_the_original_costs_no_more_queries(dovecot: Mailbox, original: MailServer) -> None:
    made = copy(original, by=None)
    with CaptureQueriesContext(connection) as alone:
        count(made)
    dovecot.deliver_all([letter(subject=str(number)) for number in range(30)])
    fetch(original)
    with CaptureQueriesContext(connection) as together:
        count(made)

    assert len(together) == len(alone)


@pytest.mark.parametrize("protocol", ["imap", "graph"])
def test_who_else_reads_the_mailbox_is_one_query(
    original: MailServer, protocol: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """It is asked at every fetch, and for every batch of mails."""
    others = [copy(original, by=None) for _ in range(3)]
    MailServer.objects.update(protocol=protocol)
    asked = MailServer.objects.get(pk=original.pk)

    with django_assert_num_queries(1):
        found = of_same_account(asked)

    assert found == {original.pk, *(each.pk for each in others)}
