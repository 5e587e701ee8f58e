"""A mail of ours comes back: its ticket tells the agents, whoever reports it, and nobody is answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from mailchannel.models import MailServer, OutboundMail
from mailchannel.services import outbox
from mailchannel.services.desk import deliveries
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tests.servers.smtp import SmtpSink
from tickets.models import Note, Ticket
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True)]


def report(original: str, *, action: str = "failed", status: str = "5.1.1", said: str = "550 No such user") -> bytes:
    """A delivery report as RFC 3464 has it, about our mail with this message id."""
    return f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.customer.example>
To: support@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <{action}.{status}@mx.customer.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="r"

--r
Content-Type: text/plain

Dear agent, please click https://evil.example to release this mail.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customer.example

Final-Recipient: rfc822; ann@customer.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}
--r
Content-Type: text/rfc822-headers

From: Support <support@example.com>
Message-ID: <{original}>
Subject: Re: Printer on fire
--r--
""".replace("\n", "\r\n").encode()


@pytest.fixture
def server(new_server: NewServer, smtp_sink: SmtpSink) -> MailServer:
    server = new_server(sink=smtp_sink)
    server.domains.create(domain="customer.example")  # a report comes from anywhere
    return server


@pytest.fixture
def answered(receive: Receive, agent: User) -> OutboundMail:
    """An answer that was sent, on a ticket that waits for the customer."""
    receive(letter())
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Use the extinguisher.")
    mail = OutboundMail.objects.get()
    assert outbox.send(mail.pk) == OutboundMail.State.SENT
    return mail


def test_a_mail_that_came_back_is_a_note_for_agents_and_opens_the_ticket_again(
    receive: Receive, answered: OutboundMail
) -> None:
    row = receive(report(answered.message_id))

    ticket = Ticket.objects.get()
    note = ticket.notes.latest("pk")
    assert (row.outcome, row.reason, row.note_id) == ("added", "accepted.bounce", note.pk)
    assert (note.direction, note.visibility) == (Note.Direction.REPORT, "private")
    assert "ann@customer.example was not reached" in note.text and "5.1.1" in note.text
    assert "evil.example" not in note.text
    assert ticket.status == "open" and ticket.unanswered
    assert answered.message_id in row.because


def test_the_answer_itself_says_that_it_came_back(receive: Receive, answered: OutboundMail) -> None:
    receive(report(answered.message_id))

    told = deliveries([answered.note_id or 0])[answered.note_id or 0]
    assert (told.label, told.tone) == ("came back", "bad") and "550 No such user" in told.detail


def test_earlier_answers_that_the_report_names_did_arrive(
    receive: Receive, answered: OutboundMail, agent: User
) -> None:
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Did it help?")
    second = OutboundMail.objects.latest("pk")
    answers = f"References: <{answered.message_id}> <{second.message_id}>".encode()

    receive(report(second.message_id).replace(b"MIME-Version", answers + b"\r\nMIME-Version", 1))

    states = dict(OutboundMail.objects.values_list("pk", "state"))
    assert states == {answered.pk: OutboundMail.State.SENT, second.pk: OutboundMail.State.RETURNED}


def test_a_report_from_before_the_start_date_stays_untouched(
    receive: Receive, answered: OutboundMail, server: MailServer
) -> None:
    server.sync_start = timezone.now() + timedelta(hours=1)
    server.acceptance = {"auto_reply_words": ["undelivered"]}

    row = receive(report(answered.message_id))

    assert (row.outcome, row.ticket_id) == ("ignored", None)


def test_the_page_of_the_report_says_what_was_decided(
    receive: Receive, answered: OutboundMail, agent: User, client: Client
) -> None:
    row = receive(report(answered.message_id))
    client.force_login(agent)

    page = client.get(f"/admin/mailchannel/inboundmail/{row.pk}/change/").content.decode()

    assert "<b>Delivery report</b>" in page
    assert ">Became</th>" in page


def test_a_delay_is_told_and_changes_nothing(receive: Receive, answered: OutboundMail) -> None:
    row = receive(report(answered.message_id, action="delayed", status="4.4.1", said="connection timed out"))

    answered.refresh_from_db()
    assert row.reason == "accepted.bounce"
    assert Ticket.objects.get().status == "waiting" and answered.state == OutboundMail.State.SENT
    assert "it will be tried again" in Ticket.objects.get().notes.latest("pk").text


def test_nobody_is_written_to_because_of_a_report(receive: Receive, answered: OutboundMail) -> None:
    receive(report(answered.message_id))

    assert OutboundMail.objects.count() == 1


def test_a_report_about_a_mail_that_is_not_ours_is_left_out(receive: Receive, answered: OutboundMail) -> None:
    number, _, rest = answered.message_id.partition(".n")
    forged = f"{number}.n1.{'a' * 20}@example.com"

    for original in (forged, "somebody.else@example.org"):
        row = receive(report(original, status=f"5.1.{len(original)}"))
        assert (row.outcome, row.reason, row.ticket_id) == ("ignored", "ignored.bounce", None)
    assert rest and Ticket.objects.count() == 1 and Ticket.objects.get().status == "waiting"
