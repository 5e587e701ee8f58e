"""A copy of what left by SMTP in the Sent folder of the mailbox we read, for those who want one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from mailchannel.models import MailServer, OutboundMail
from mailchannel.services import outbox, sent_copy
from mailchannel.services.fetch import fetch
from mailchannel.services.lint import lint
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.dovecot import Options
from tests.servers.fixtures import Failpoint, NewMailbox
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Ticket
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]


def with_copies(new_server: NewServer, mailbox: Mailbox, sink: SmtpSink, **columns: Any) -> MailServer:
    server = new_server(mailbox, sink=sink, **columns)
    server.update(sending={**server.sending, "keep_copy": True})
    return server


def answer(server: MailServer, mailbox: Mailbox, agent: User) -> OutboundMail:
    """To a mail that came in."""
    mailbox.deliver(letter())
    fetch(server)
    reply_as_agent(ticket=Ticket.objects.latest("pk"), agent=agent, text="Use the extinguisher.")
    return OutboundMail.objects.latest("pk")


def test_an_answer_lies_in_the_sent_folder_as_it_was_sent(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    mail = answer(with_copies(new_server, dovecot, smtp_sink), dovecot, agent)

    assert outbox.send(mail.pk) == "sent"

    (sent,) = smtp_sink.sent
    assert dovecot.mails("Sent") == [sent.raw]
    assert list(dovecot.flags("Sent").values()) == [{r"\Seen", r"\Recent"}]
    mail.refresh_from_db()
    assert mail.error == ""


def test_without_the_wish_there_is_no_copy(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    mail = answer(new_server(dovecot, sink=smtp_sink), dovecot, agent)

    assert outbox.send(mail.pk) == "sent"

    assert "Sent" not in dovecot.folders()


def test_the_folder_people_have_is_used_below_whatever_prefix(
    new_mailbox: NewMailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    mailbox = new_mailbox(Options(prefix="INBOX.", separator="."))
    mailbox.create("INBOX.Sent")
    mail = answer(with_copies(new_server, mailbox, smtp_sink), mailbox, agent)

    outbox.send(mail.pk)

    assert len(mailbox.mails("INBOX.Sent")) == 1


def test_a_mailbox_that_cannot_be_reached_holds_no_answer_back(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    server = with_copies(new_server, dovecot, smtp_sink)
    mail = answer(server, dovecot, agent)
    server.update(connection={**server.connection, "port": 1}, timeout_ms=1000)

    assert outbox.send(mail.pk) == "sent"

    mail.refresh_from_db()
    assert mail.error.startswith("It was sent, but no copy could be put into the Sent folder: No IMAP server answered")
    assert len(smtp_sink.sent) == 1


def test_a_mail_whose_sending_nobody_noted_leaves_one_copy(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User, failpoint: Failpoint
) -> None:
    """It is sent again, under the same id; its copy is kept once."""
    mail = answer(with_copies(new_server, dovecot, smtp_sink), dovecot, agent)
    failpoint("send.sent:1:raise")

    with pytest.raises(RuntimeError, match="failpoint"):
        outbox.send(mail.pk)
    OutboundMail.objects.update(state=OutboundMail.State.QUEUED)
    outbox.send(mail.pk)

    assert len(smtp_sink.sent) == 2
    assert len(dovecot.mails("Sent")) == 1


def test_what_the_team_is_told_is_no_answer(dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer) -> None:
    server = with_copies(new_server, dovecot, smtp_sink)
    alert = OutboundMail(server=server, kind=OutboundMail.Kind.ALERT, raw=letter(), recipients=["mara@example.com"])

    assert sent_copy.keep(alert) == ""
    assert "Sent" not in dovecot.folders()


def test_a_wish_no_mailbox_can_fulfil_is_remarked_on(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer
) -> None:
    server = with_copies(new_server, dovecot, smtp_sink)
    assert "sending-keep_copy" not in {each.field for each in lint(server)}

    server.update(protocol="graph", connection={})

    assert "sending-keep_copy" in {each.field for each in lint(server)}
