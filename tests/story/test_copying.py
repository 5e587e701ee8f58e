"""A mailbox goes from one mail server to its copy: no mail becomes a second ticket, none in between is lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from mailchannel.models import FolderMapping, InboundMail, MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.services import outbox, publish
from mailchannel.services.copying import copy
from mailchannel.services.fetch import fetch
from mailchannel.services.lease import hold
from mailchannel.services.publish import NotReady
from mailchannel.services.same_mailbox import of_same_account, readers
from mailchannel.services.sign_in import rows
from mailchannel.services.sign_in.application import Application
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Ticket, TicketTemplate
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]


@pytest.fixture
def original(dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer) -> MailServer:
    """Published an hour ago."""
    begun = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    return new_server(dovecot, sink=smtp_sink, published_at=begun, sync_start=begun, version=1, reached=5)


def copied(original: MailServer) -> MailServer:
    """A copy that uses another template."""
    assert original.template is not None
    made = copy(original, by=None)
    made.template = TicketTemplate.objects.create(
        name="Request", ticket_type=original.template.ticket_type, status="published"
    )
    made.mappings.filter(field="affected_system").delete()
    made.save()
    return made


def titles() -> list[str]:
    return sorted(Ticket.objects.values_list("title", flat=True))


@pytest.mark.req("S0-33")
def test_every_mail_becomes_one_ticket_when_the_copy_takes_over(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.deliver(letter(subject="old"), internal_date=timezone.now() - timedelta(days=2))
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    made = copied(original)
    dovecot.deliver(letter(subject="two"))  # nobody has looked since

    publish.publish(made, by=None, take_over=True)
    dovecot.deliver(letter(subject="three"))
    reports = [fetch(MailServer.objects.get(pk=pk)) for pk in (original.pk, made.pk, made.pk)]

    assert titles() == ["one", "three", "two"]
    assert [report.opened for report in reports] == [0, 2, 0]
    assert "is paused" in reports[0].error
    used = dict(Ticket.objects.values_list("title", "template__name"))
    assert used == {"one": "Standard incident", "two": "Request", "three": "Request"}
    assert len(dovecot.mails("Processed")) == 3


def test_mail_that_arrives_while_neither_is_active_becomes_one_ticket(dovecot: Mailbox, original: MailServer) -> None:
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    made = copied(original)
    publish.pause(original, by=None)
    dovecot.deliver(letter(subject="two"), internal_date=timezone.now() - timedelta(minutes=20))
    dovecot.deliver(letter(subject="three"))

    publish.publish(made, by=None, take_over=True)
    for _ in range(2):
        fetch(MailServer.objects.get(pk=made.pk))

    assert titles() == ["one", "three", "two"]


def test_answers_to_tickets_of_the_original_still_join_them(
    dovecot: Mailbox, smtp_sink: SmtpSink, original: MailServer, agent: User
) -> None:
    dovecot.deliver(letter(subject="one"))
    fetch(original)
    made = copied(original)
    publish.publish(made, by=None, take_over=True)
    ticket = Ticket.objects.get()

    reply_as_agent(ticket=ticket, agent=agent, text="Which printer?")
    for due in outbox.due_mails():
        outbox.send(due)
    (sent,) = smtp_sink.sent
    dovecot.deliver(letter(subject="Re: one", body="The red one.", In_Reply_To=sent.message["Message-ID"]))
    fetch(MailServer.objects.get(pk=made.pk))

    assert Ticket.objects.count() == 1
    assert ticket.notes.count() == 3
    assert InboundMail.objects.get(outcome="added").server == made


def test_a_password_works_in_the_copy_as_it_does_in_the_original(original: MailServer) -> None:
    made = copied(original)

    stored = MailServer.objects.get(pk=made.pk)
    assert stored.secrets == original.secrets == Secrets(password="secret")
    assert stored.secrets_set_at == original.secrets_set_at


@pytest.mark.parametrize("other_way", [{"port": 143}, {"host": "LOCALHOST"}, {"encryption": "tls", "port": 993}])
def test_another_way_to_the_mailbox_makes_it_no_other_mailbox(
    original: MailServer, other_way: dict[str, object]
) -> None:
    original.update(connection={**original.connection, "host": "localhost"})
    made = copied(original)
    made.update(connection={**made.connection, **other_way})

    with pytest.raises(NotReady, match="“Support” reads INBOX of the same account"):
        publish.publish(made, by=None)


WORLD_BY_IMAP = {"protocol": "imap", "connection": {"host": "outlook.office365.com", "username": "Help@example.com"}}
WORLD_BY_EWS = {
    "protocol": "ews",
    "connection": {"url": "https://outlook.office.com/EWS/Exchange.asmx", "mailbox": "help@example.com"},
}
WORLD_BY_GRAPH = {"protocol": "graph", "connection": {"mailbox": "help@example.com"}}
US_BY_IMAP = {"protocol": "imap", "connection": {"host": "outlook.office365.us", "username": "help@example.com"}}
US_BY_GRAPH = {
    "protocol": "graph",
    "connection": {"endpoint": "graph.microsoft.us/v1.0", "mailbox": "help@example.com"},
}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (WORLD_BY_IMAP, WORLD_BY_GRAPH, True),
        (WORLD_BY_IMAP, WORLD_BY_EWS, True),
        (WORLD_BY_GRAPH, WORLD_BY_EWS, True),
        (US_BY_IMAP, US_BY_GRAPH, True),
        (WORLD_BY_IMAP, US_BY_IMAP, False),
        (WORLD_BY_GRAPH, US_BY_GRAPH, False),
    ],
)
def test_a_mailbox_in_a_cloud_is_one_whichever_of_its_servers_shows_it(
    new_server: NewServer, one: dict[str, Any], other: dict[str, Any], *, same: bool
) -> None:
    first = new_server(**one)
    second = new_server(name="Second", status="paused", published_at=timezone.now(), **other)

    assert [each.server for each in readers(second)] == ([first] if same else [])
    assert of_same_account(first) == ({first.pk, second.pk} if same else {first.pk})


def test_inbox_is_one_folder_however_it_is_written(original: MailServer) -> None:
    made = copied(original)
    made.folders.filter(role=FolderMapping.Role.SOURCE).update(folder="inbox")

    with pytest.raises(NotReady, match="reads INBOX of the same account"):
        publish.publish(made, by=None)


def test_a_failed_original_counts_as_live(original: MailServer) -> None:
    made = copied(original)
    original.update(status="failed")

    with pytest.raises(NotReady, match="Pause it first"):
        publish.publish(made, by=None)


def test_who_rests_first_switches_nobody_off(original: MailServer) -> None:
    made = copied(original)

    publish.publish(made, by=None, rest=True, take_over=True)

    made.refresh_from_db()
    original.refresh_from_db()
    assert (made.status, original.status) == ("paused", "active")
    assert made.sync_start == original.sync_start
    with pytest.raises(NotReady, match="“Support” reads INBOX"):
        publish.resume(made, by=None)


def test_nobody_makes_way_for_one_that_nobody_has_signed_in_to(original: MailServer) -> None:
    oauth = {"client_id": "helpdesk", "token_url": "https://sign.example.com/token"}
    original.update(auth="oauth", oauth=oauth)
    made = copied(original)

    with pytest.raises(NotReady, match="Nobody has signed in at sign.example.com for this mail server") as refused:
        publish.publish(made, by=None, take_over=True)

    original.refresh_from_db()
    assert (original.status, [each.field for each in refused.value.problems]) == ("active", ["auth"])
    own = Application.of(made, SignIn.Purpose.READING).fingerprint
    SignIn.objects.create(server=made, state="connected", tokens=Secrets({rows.APPLICATION: own}))
    publish.publish(made, by=None, take_over=True)
    original.refresh_from_db()
    assert original.status == "paused"


def test_a_take_over_that_is_refused_leaves_the_original_at_work(original: MailServer) -> None:
    made = copied(original)
    with hold(original.pk), pytest.raises(NotReady, match="“Support” is still taking in mail"):
        publish.publish(made, by=None, take_over=True)

    original.refresh_from_db()
    assert original.status == "active"
    made.folders.all().delete()
    with pytest.raises(NotReady, match="No folder to read mail from"):
        publish.publish(made, by=None, take_over=True)
    original.refresh_from_db()
    assert original.status == "active"


def test_two_people_cannot_make_both_live_at_once(original: MailServer) -> None:
    made = copied(original)
    publish.pause(original, by=None)
    over = threading.Event()
    refused: list[str] = []

    def resume() -> None:
        try:
            publish.resume(original, by=None)
        except NotReady as error:
            refused.append(str(error))
        finally:
            connection.close()
            over.set()

    somebody_else = threading.Thread(target=resume)
    with transaction.atomic():
        publish.publish(made, by=None)
        somebody_else.start()
        assert not over.wait(timeout=1)  # until this is committed they have to wait
    somebody_else.join(timeout=60)

    assert dict(MailServer.objects.values_list("name", "status")) == {"Support": "paused", "Support (copy)": "active"}
    assert len(refused) == 1
