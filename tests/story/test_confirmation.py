"""The confirmation of a new ticket: once, to people, and never in a circle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mailchannel.models import InboundMail, MailServer, OutboundMail
from mailchannel.services import notices, outbox
from mailchannel.services.push import accept
from mailchannel.services.settle import StorageTrouble, settle
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tests.servers.fixtures import Failpoint
from tests.servers.smtp import Sent, SmtpSink
from tickets.models import Note, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TEXT = "Hello {name},\n\nyour “{title}” is {number}.\nKeep {this} and {number.x} and {{name}}."


@pytest.fixture
def server(new_server: NewServer, smtp_sink: SmtpSink) -> MailServer:
    return new_server(sink=smtp_sink, confirmation={"confirmation_text": TEXT}, reply_to="answers@example.com")


@pytest.fixture
def sent(smtp_sink: SmtpSink) -> Callable[[], list[Sent]]:
    """Sends what is due; every mail that left so far."""

    def send_all() -> list[Sent]:
        for due in outbox.due_mails():
            outbox.send(due)
        return smtp_sink.sent

    return send_all


def said(row: InboundMail) -> str:
    return next((step["because"] for step in row.trace if step["stage"] == "confirmation"), "")


def words(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.mark.req("S0-34", "S0-01")
def test_the_sender_of_a_new_ticket_is_told_its_number(receive: Receive, sent: Callable[[], list[Sent]]) -> None:
    row = receive(letter())

    (confirmation,) = sent()
    number = Ticket.objects.get().number
    mail = confirmation.message
    assert (confirmation.envelope_from, confirmation.recipients) == ("", ["ann@customer.example"])
    assert mail["From"] == "Support <support@example.com>"
    assert mail["To"] == "ann@customer.example"
    assert mail["Reply-To"] == "answers@example.com"
    assert mail["Subject"] == f"Re: Printer on fire [{number}]"
    assert mail["In-Reply-To"] == mail["References"] == f"<{row.message_id}>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Helpdesk-Mailbox"] == "support@example.com"
    assert said(row) == f"ann@customer.example is told the number {number}"


@pytest.mark.req("S0-34")
def test_only_the_three_placeholders_are_replaced(receive: Receive, sent: Callable[[], list[Sent]]) -> None:
    receive(letter(sender='"Ann {number}" <ann@customer.example>', subject="<b>Printer</b> {name}"))

    mail = sent()[0].message
    number = Ticket.objects.get().number
    expected = (
        f"Hello Ann {{number}},\n\nyour “<b>Printer</b> {{name}}” is {number}.\nKeep {{this}} and {{number.x}} and "
    )
    assert words(mail, "plain") == expected + "{Ann {number}}.\n"
    html = words(mail, "html")
    assert "&lt;b&gt;Printer&lt;/b&gt;" in html and "<b>" not in html
    assert "<p>Hello Ann {number},</p>" in html and "<br>" in html


@pytest.mark.req("S0-34", "S0-08")
def test_the_answer_to_a_confirmation_joins_the_ticket_and_is_not_confirmed(
    receive: Receive, sent: Callable[[], list[Sent]]
) -> None:
    receive(letter())
    confirmation = sent()[0].message

    row = receive(letter(subject="Something else", In_Reply_To=confirmation["Message-ID"]))

    assert row.outcome == "added"
    assert Ticket.objects.count() == 1
    assert said(row) == ""
    assert len(sent()) == 1


@pytest.mark.req("S0-34")
def test_switched_off_nobody_is_told(receive: Receive, server: MailServer) -> None:
    server.update(confirmation={"send_confirmation": False})

    row = receive(letter())

    assert row.outcome == "opened"
    assert not OutboundMail.objects.exists()


@pytest.mark.req("S0-34")
@pytest.mark.parametrize(
    ("headers", "because"),
    [
        ({"Auto_Submitted": "auto-generated"}, "Auto-Submitted"),
        ({"List_Id": "<staff.customer.example>"}, "list-id"),
        ({"Precedence": "bulk"}, "Precedence: bulk"),
        ({"Return_Path": "<>"}, "return path is empty"),
        ({"sender": "no-reply@customer.example"}, "nobody reads"),
        ({"sender": "staff-bounces@customer.example"}, "nobody reads"),
        ({"X_Auto_Response_Suppress": "AutoReply"}, "asks for no automatic answer"),
        ({"Authentication_Results": "mx.example.com; dmarc=fail header.from=customer.example"}, "dmarc=fail"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_machines_lists_and_forged_senders_get_nothing(
    headers: dict[str, str], because: str, receive: Receive, server: MailServer
) -> None:
    server.update(acceptance={"exclude_auto_replies": False, "trusted_authentication_server": "mx.example.com"})

    row = receive(letter(**headers))

    assert row.outcome == "opened"
    assert said(row).startswith("not confirmed: ") and because in said(row)
    assert not OutboundMail.objects.exists()


def test_a_mailer_daemon_opens_no_ticket_and_gets_nothing(receive: Receive, server: MailServer) -> None:
    server.update(acceptance={"exclude_auto_replies": False})

    assert receive(letter(sender="MAILER-DAEMON@customer.example")).outcome == "ignored"
    assert not OutboundMail.objects.exists()


@pytest.mark.req("S0-34")
def test_one_sender_gets_three_an_hour(receive: Receive, server: MailServer) -> None:
    rows = [receive(letter(subject=f"Printer {number}")) for number in range(4)]

    assert [row.outcome for row in rows] == ["opened"] * 4
    assert OutboundMail.objects.count() == notices.MOST_PER_SENDER == 3
    assert said(rows[-1]) == "not confirmed: ann@customer.example got 3 automatic mails within an hour"
    OutboundMail.objects.update(created=timezone.now() - timedelta(minutes=61))
    receive(letter(subject="An hour later"))
    assert OutboundMail.objects.count() == 4


@pytest.mark.req("S0-34")
def test_one_mail_server_sends_sixty_an_hour(receive: Receive, server: MailServer) -> None:
    for number in range(notices.MOST_PER_SERVER):
        receive(letter(sender=f"person{number}@customer.example"))
    row = receive(letter(sender="late@customer.example"))

    assert OutboundMail.objects.count() == notices.MOST_PER_SERVER == 60
    assert "Support sent 60 automatic mails within an hour" in said(row)


@pytest.mark.req("S0-34")
def test_a_mail_that_lost_a_file_is_told_once_by_the_notice(receive: Receive, server: MailServer) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@customer.example>", "support@example.com", "Tool"
    mail["Message-ID"] = "<tool@customer.example>"
    mail.set_content("Here it is.")
    mail.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="tool.exe")

    row = receive(mail.as_bytes())

    assert [each.kind for each in OutboundMail.objects.all()] == [OutboundMail.Kind.NOTICE]
    assert "names the ticket already" in said(row)


def test_without_an_outgoing_server_the_trace_says_why_nobody_was_told(receive: Receive, server: MailServer) -> None:
    server.update(sending={})

    assert said(receive(letter())) == "not confirmed: no outgoing server is set for Support"
    assert not OutboundMail.objects.exists()


def test_a_backlog_is_not_confirmed(receive: Receive, server: MailServer) -> None:
    row = accept(server, letter(), transport="forwarding").row
    InboundMail.objects.filter(pk=row.pk).update(received_at=timezone.now() - timedelta(days=4))
    settle(server)
    row.refresh_from_db()

    assert row.outcome == "opened"
    assert said(row) == "not confirmed: the mail arrived more than 3 days ago"


def test_nobody_advertises_through_us(receive: Receive, sent: Callable[[], list[Sent]]) -> None:
    """Whoever forges a sender chooses what the confirmation repeats."""
    receive(
        letter(sender='"Win at www.casino.example" <ann@customer.example>', subject="Go https://evil.example/x " * 9)
    )

    raw = sent()[0].raw
    text = words(sent()[0].message, "plain")
    assert b"evil.example" not in raw and b"casino" not in raw
    assert text.startswith("Hello there,") and "“(no subject)”" in text
    assert sent()[0].message["Subject"].startswith("Re: Your message [HD-")


@pytest.mark.req("S0-34")
def test_ticket_and_confirmation_are_written_together_or_not_at_all(server: MailServer, failpoint: Failpoint) -> None:
    accept(server, letter(), transport="forwarding")
    failpoint("settle.ticket_written:1:enospc")

    with pytest.raises(StorageTrouble):
        settle(server)
    assert not Ticket.objects.exists()
    assert not OutboundMail.objects.exists()
    for _ in range(2):
        settle(server)

    assert OutboundMail.objects.count() == Ticket.objects.count() == 1


def test_a_confirmation_is_never_sent_twice(receive: Receive, sent: Callable[[], list[Sent]]) -> None:
    """Killed while sending, nobody knows whether it left: once too few is better than once too often."""
    receive(letter())
    OutboundMail.objects.update(state="sending", claimed_at=timezone.now() - timedelta(hours=1))

    assert sent() == []
    assert OutboundMail.objects.get().state == "failed"


# --- Two helpdesks ------------------------------------------------------------------------------


@pytest.fixture
def other(new_server: NewServer, new_smtp_sink: Callable[[], SmtpSink]) -> MailServer:
    """A helpdesk as eager as ours, which does not even leave automatic mail out."""
    return new_server(
        name="Other",
        address="desk@other.example",
        sink=new_smtp_sink(),
        confirmation={},
        acceptance={"exclude_auto_replies": False},
    )


@pytest.mark.req("S0-34")
def test_two_helpdesks_that_write_to_each_other_end_after_one_confirmation(
    server: MailServer, other: MailServer, sent: Callable[[], list[Sent]]
) -> None:
    other.update(address="nobody@elsewhere.example")  # they are two installations: neither knows the other as its own
    accept(server, letter(sender="Desk <desk@other.example>"), transport="forwarding")
    settle(server)
    (confirmation,) = sent()

    server.update(address="gone@elsewhere.example")
    other.update(address="desk@other.example")
    received = accept(other, confirmation.raw, transport="forwarding").row
    settle(other)

    received.refresh_from_db()
    assert received.outcome == "opened"
    assert said(received) == "not confirmed: Auto-Submitted: auto-replied"
    assert OutboundMail.objects.count() == 1


@pytest.mark.req("S0-34")
@pytest.mark.parametrize("quotes_us", [True, False])
def test_a_machine_that_hides_and_answers_everything_is_answered_three_times_at_most(
    quotes_us: bool, receive: Receive, server: MailServer, sent: Callable[[], list[Sent]]
) -> None:
    """No header gives it away. What names our ticket joins it; what does not runs into the limit."""
    answered = 0
    receive(letter(sender="Robot <robot@other.example>"))
    for _ in range(10):
        waiting = sent()[answered:]
        answered += len(waiting)
        for each in waiting:
            headers = {"In_Reply_To": each.message["Message-ID"]} if quotes_us else {}
            receive(letter(sender="Robot <robot@other.example>", subject=f"Ticket {answered} opened", **headers))

    assert len(sent()) == (1 if quotes_us else 3)


def test_an_agents_answer_is_no_automatic_mail(receive: Receive, agent: User) -> None:
    receive(letter())

    assert Note.objects.get().ticket_id == Ticket.objects.get().pk
    assert [each.kind for each in OutboundMail.objects.all()] == [OutboundMail.Kind.ACKNOWLEDGEMENT]
