"""The main road on a real mailbox: a mail becomes a ticket, an answer goes out, the customer's reply comes home."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, InterfaceError, InternalError, connection

from mailchannel.compose.headers import reply_address
from mailchannel.models import InboundMail, MailServer, OutboundMail
from mailchannel.services import outbox
from mailchannel.services.explain import explain
from mailchannel.services.fetch import connection_failed, fetch
from mailchannel.services.lease import hold
from mailchannel.services.receive import BATCH_MAILS
from mailchannel.services.schedule import claim_due
from mailchannel.transports import TransportError
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.fixtures import Failpoint, NewProxy, NewSink
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.api import signature
from tickets.models import Ticket
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]


@pytest.mark.req("S0-01", "S0-05", "S0-06", "S0-23", "S1-35", "S3-02", "S3-03")
def test_a_mail_becomes_a_ticket_and_is_filed(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(subject="Printer on fire", body="Help!", Importance="High"))

    report = fetch(server)

    ticket = Ticket.objects.get()
    assert (report.opened, report.filed, report.error) == (1, 1, "")
    assert (ticket.title, ticket.priority, ticket.source) == ("Printer on fire", "high", "email")
    assert (ticket.requester.email, ticket.requester.name) == ("ann@customer.example", "Ann Weber")
    assert ticket.notes.get().text.strip() == "Help!"
    assert ticket.fields == {"affected_system": "unknown"}
    assert dovecot.mails("INBOX") == []
    assert len(dovecot.mails("Processed")) == 1


def test_other_recipients_are_proposed_to_agents_but_take_no_part(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(Cc="Bob <bob@customer.example>, support+x@example.com", message_id="1@customer.example"))
    fetch(server)
    ticket = Ticket.objects.get()

    assert ticket.notes.get().recipients == ["bob@customer.example"]
    dovecot.deliver(letter(sender="bob@customer.example", In_Reply_To="<1@customer.example>"))
    fetch(server)
    assert ticket.notes.count() == 1
    assert Ticket.objects.exclude(pk=ticket.pk).get().related == ticket


def test_nothing_is_fetched_twice(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())

    assert [fetch(server).fetched for _ in range(3)] == [1, 0, 0]


@pytest.mark.req("S0-01", "S0-08", "S0-15")
def test_the_conversation_stays_on_one_ticket(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, sink=smtp_sink, reply_to="answers@example.com")
    dovecot.deliver(letter(message_id="first@customer.example"))
    fetch(server)
    ticket = Ticket.objects.get()

    reply_as_agent(ticket=ticket, agent=agent, text="Use the extinguisher.")
    for due in outbox.due_mails():
        outbox.send(due)

    (sent,) = smtp_sink.sent
    answer = sent.message
    assert sent.recipients == ["ann@customer.example"]
    assert answer["In-Reply-To"] == "<first@customer.example>"
    assert answer["Reply-To"] == "answers@example.com"
    assert f"[{ticket.number}]" in answer["Subject"]

    dovecot.deliver(letter(subject="something else", body="It worked.", In_Reply_To=answer["Message-ID"]))
    fetch(server)

    assert Ticket.objects.count() == 1
    notes = list(ticket.notes.values_list("text", "direction", "visibility"))
    assert [(text.strip(), *rest) for text, *rest in notes][1:] == [
        ("Use the extinguisher.", "out", "public"),
        ("It worked.", "in", "public"),
    ]
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.OPEN


def test_a_stranger_with_the_number_opens_a_ticket_of_his_own(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(message_id="first@customer.example"))
    fetch(server)
    first = Ticket.objects.get()

    dovecot.deliver(
        letter(
            sender="mallory@evil.example",
            subject=f"Re: [{first.number}]",
            References="<first@customer.example>",
        )
    )
    fetch(server)

    second = Ticket.objects.exclude(pk=first.pk).get()
    assert second.related == first
    assert first.notes.count() == 1


def test_a_signed_reply_address_leads_home_and_a_forged_one_does_not(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())
    fetch(server)
    ticket = Ticket.objects.get()
    signed = reply_address("support@example.com", ticket.number, signature(ticket.pk, "reply"))
    forged = reply_address("support@example.com", ticket.number, "a" * 20)

    dovecot.deliver_all([letter(to=signed, body="signed"), letter(to=forged, body="forged")])
    fetch(server)

    assert [note.text.strip() for note in ticket.notes.all()] == ["Help!", "signed"]
    assert Ticket.objects.count() == 2


def test_a_database_that_refuses_to_write_is_an_answer_and_work_resumes(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())

    with refusing_to_write():
        report = fetch(server)

    assert "database" in report.error
    assert len(dovecot.mails("INBOX")) == 1
    assert fetch(server).opened == 1


@contextmanager
def refusing_to_write() -> Iterator[None]:
    """As a full disk or a standby does."""
    if connection.vendor == "sqlite":
        off, on = "PRAGMA query_only=ON", "PRAGMA query_only=OFF"
    else:
        off, on = "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
    with connection.cursor() as cursor:
        cursor.execute(off)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(on)


@pytest.mark.parametrize("trouble", [IntegrityError("odd"), InterfaceError("odd")])
def test_a_database_error_nobody_planned_is_an_answer_and_stands_on_the_mail_servers_page(
    trouble: Exception, dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())

    with failing("INSERT", "rawmail", trouble):
        report = fetch(server)

    server.refresh_from_db()
    assert "odd" in report.error
    assert type(trouble).__name__ in server.last_error
    assert fetch(server).opened == 1


def test_a_database_that_is_gone_is_an_answer(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)

    with failing("", "", InterfaceError("connection already closed")):
        assert "connection already closed" in fetch(server).error


def test_a_kept_mail_is_delivered_whatever_happens_next(new_server: NewServer, tmp_path: Path) -> None:
    new_server()
    (tmp_path / "mail.eml").write_bytes(letter())

    with failing("UPDATE", "attempts", InternalError("read-only")):
        call_command("receive_mail", str(tmp_path / "mail.eml"), server="Support", stdout=StringIO(), stderr=StringIO())

    assert InboundMail.objects.get().outcome == "received"


def test_a_mail_is_only_taken_where_it_can_be_judged(new_server: NewServer, tmp_path: Path) -> None:
    new_server()
    (tmp_path / "mail.eml").write_bytes(letter())

    with failing("SELECT", "fieldmapping", InternalError("broken")), pytest.raises(SystemExit, match="75"):
        call_command("receive_mail", str(tmp_path / "mail.eml"), server="Support", stderr=StringIO())

    assert not InboundMail.objects.exists()


@contextmanager
def failing(verb: str, table: str, error: Exception) -> Iterator[None]:
    """Every statement of this kind that names the table, or column, fails."""

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(verb) and table in sql:
            raise error
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def test_the_log_says_why_in_the_words_of_the_gate_that_decided(dovecot: Mailbox, new_server: NewServer) -> None:
    settings = {"trusted_authentication_server": "mx.example.com", "hold_failed_authentication": True}
    server = new_server(dovecot, acceptance={**settings, "blocked_senders": ["*@customer.example"]})
    dovecot.deliver(letter(Authentication_Results="mx.example.com; dmarc=fail"))
    fetch(server)

    row = InboundMail.objects.get()
    assert row.reason == "ignored.blocked"
    assert row.because == "ann@customer.example is blocked by *@customer.example"


EVERY_KIND = {
    "new": (letter(), "accepted.new"),
    "unreadable": (letter(sender="a@x.example, b@x.example"), "rejected.sender_unreadable"),
    "own": (letter(sender="support@example.com"), "ignored.own_mail"),
    "automatic": (letter(Auto_Submitted="auto-replied"), "ignored.auto_reply"),
    "word": (letter(subject="Out of office: gone fishing"), "ignored.auto_reply"),
    "bounce": (letter(sender="mailer-daemon@mx.example", Return_Path="<>", subject="Undelivered Mail Returned to Sender"), "ignored.bounce"),
    "blocked": (letter(sender="spam@customer.example"), "ignored.blocked"),
    "blocked domain": (letter(sender="x@ads.example"), "ignored.blocked"),
    "domain": (letter(sender="mallory@evil.example"), "rejected.domain"),
    "cc only": (letter(to="boss@customer.example", Cc="support@example.com"), "ignored.not_addressed"),
    "too large": (letter(body="x" * 1_100_000), "failed.too_big"),
}  # fmt: skip


def strict(mailbox: Mailbox, new_server: NewServer) -> MailServer:
    server = new_server(
        mailbox,
        sync_start=datetime(2026, 1, 1, tzinfo=UTC),
        acceptance={
            "blocked_senders": ["spam@customer.example", "*@ads.example"],
            "auto_reply_words": ["out of office"],
            "only_if_in_to": True,
            "largest_mail_mb": 1,
        },
    )
    for domain in ("customer.example", "ads.example", "example.com", "mx.example", "x.example"):
        server.domains.create(domain=domain)
    return server


@pytest.mark.req("S0-07", "S0-22", "S0-24", "S0-26", "S1-19", "S2-19", "S2-20", "S2-23", "S2-25", "S3-16")
def test_every_kind_of_mail_ends_with_its_reason_and_explain_agrees(dovecot: Mailbox, new_server: NewServer) -> None:
    server = strict(dovecot, new_server)
    before = {kind: explain(server, raw).decision.reason for kind, (raw, _) in EVERY_KIND.items()}
    dovecot.deliver_all([raw for raw, _ in EVERY_KIND.values()])
    dovecot.deliver(EVERY_KIND["new"][0])
    dovecot.deliver(letter(subject="old"), internal_date=datetime(2025, 6, 1, tzinfo=UTC))

    report = fetch(server)

    expected = {kind: reason for kind, (_, reason) in EVERY_KIND.items()}
    assert before == expected
    log = StringIO()
    call_command("mail_log", "--json", stdout=log)
    rows = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [row["reason"] for row in rows] == [
        *expected.values(),
        "ignored.before_start_date",
        "duplicate.same_message",
    ]
    assert report.error == ""
    explained = {
        kind: explain(server, raw).decision.reason
        for kind, (raw, _) in EVERY_KIND.items()
        if kind not in ("new", "too large")
    }
    assert explained == {kind: reason for kind, reason in expected.items() if kind in explained}

    assert len(dovecot.mails("Processed")) == 2
    assert len(dovecot.mails("Failed")) == 3
    assert len(dovecot.mails("Ignored")) == 7
    assert [row["subject"] for row in rows if row["filed"] is None] == ["old"]
    assert len(dovecot.mails("INBOX")) == 1
    assert dovecot.flags("INBOX").popitem()[1] <= {"\\Recent"}


def test_a_large_mail_is_never_downloaded(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, acceptance={"largest_mail_mb": 1})
    dovecot.deliver(letter(body="x" * 1_500_000, subject="huge"))

    fetch(server)

    row = InboundMail.objects.get()
    assert (row.reason, row.subject, row.headers_only) == ("failed.too_big", "huge", True)
    assert row.size > 1_500_000
    assert len(row.raw.content) < 2_000


def test_mail_people_have_read_is_fetched_and_mail_they_deleted_survives(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(subject="read"), flags=["\\Seen"])
    deleted = dovecot.deliver(letter(subject="deleted by a person"))
    dovecot.flag(deleted, "\\Deleted")

    fetch(server)

    assert Ticket.objects.get().title == "read"
    (left,) = dovecot.flags("INBOX").items()
    assert left[0] == deleted
    assert left[1] - {"\\Recent"} == {"\\Deleted"}


def test_without_move_and_uidplus_the_mail_stays_and_makes_one_ticket(
    dovecot_without_uidplus: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot_without_uidplus)
    dovecot_without_uidplus.deliver(letter())

    for _ in range(3):
        assert fetch(server).error == ""

    assert Ticket.objects.count() == 1
    assert InboundMail.objects.get().remote == InboundMail.Remote.KEPT
    assert len(dovecot_without_uidplus.mails("INBOX")) == 1


def test_a_renumbered_folder_makes_no_second_ticket(dovecot_without_uidplus: Mailbox, new_server: NewServer) -> None:
    mailbox = dovecot_without_uidplus
    server = new_server(mailbox)
    mailbox.deliver(letter())
    fetch(server)

    mailbox.forget_uids()
    mailbox.deliver(letter(subject="after"))
    report = fetch(server)

    assert (report.opened, report.duplicates) == (1, 1)
    assert set(Ticket.objects.values_list("title", flat=True)) == {"Printer on fire", "after"}


def test_a_deleted_ticket_does_not_come_back(dovecot_without_uidplus: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot_without_uidplus)
    dovecot_without_uidplus.deliver(letter())
    fetch(server)

    InboundMail.objects.update(note=None)
    Ticket.objects.all().delete()

    assert fetch(server).fetched == 0
    assert Ticket.objects.count() == 0


@pytest.mark.req("S1-15", "S1-16", "S1-18", "S1-20", "S4-42")
def test_a_wrong_password_is_shown_and_the_mail_server_rests(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, max_tries=2, cool_off_minutes=30)
    server.secrets["password"] = "wrong"
    server.save()

    reports = [fetch(server) for _ in range(2)]

    server.refresh_from_db()
    assert all(report.error for report in reports)
    assert (server.failures, server.last_error_field) == (2, "password")
    assert "wrong" not in server.last_error
    assert server.next_fetch_at is not None
    assert server.next_fetch_at - server.last_error_at > timedelta(minutes=25)  # type: ignore[operator]
    assert [run.error_field for run in server.runs.all()] == ["password", "password"]
    assert server.status == "failed"
    assert claim_due(server.next_fetch_at - timedelta(minutes=1)) == []
    assert claim_due(server.next_fetch_at) == [server.pk]

    server.secrets["password"] = dovecot.password
    server.save()
    assert not fetch(server).error
    server.refresh_from_db()
    assert (server.status, server.failures) == ("active", 0)


def test_a_pause_made_while_the_connection_failed_stays(dovecot: Mailbox, new_server: NewServer) -> None:
    new_server(dovecot, max_tries=1)
    loaded = MailServer.objects.get()
    MailServer.objects.update(status="paused")

    connection_failed(loaded, TransportError("nobody answers"))

    assert MailServer.objects.get().status == "paused"


def test_a_server_that_does_not_answer_ends_the_run_and_is_shown(
    dovecot: Mailbox, new_server: NewServer, new_proxy: NewProxy
) -> None:
    proxy = new_proxy(dovecot.port, stall_after=0)
    server = new_server(dovecot, timeout_ms=1000)
    server.update(connection={**server.connection, "port": proxy.port})
    other = new_server(dovecot, name="Other", address="other@example.com")
    dovecot.deliver(letter())

    started = time.monotonic()
    report = fetch(server)

    assert time.monotonic() - started < 1 + 5
    server.refresh_from_db()
    assert report.error == server.last_error != ""
    assert server.lease_owner == ""
    assert fetch(other).opened == 1


def test_a_second_fetch_leaves_at_once_while_one_is_running(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())

    with hold(server.pk) as lease:
        assert lease is not None
        assert "Another worker" in fetch(server).error
    assert fetch(server).opened == 1


def test_an_answer_is_sent_once_and_never_to_ourselves(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, sink=smtp_sink)
    dovecot.deliver(letter())
    fetch(server)

    reply_as_agent(
        ticket=Ticket.objects.get(), agent=agent, text="Hello", cc=["support@example.com", "bob@customer.example"]
    )
    queued = OutboundMail.objects.get()
    states = [outbox.send(queued.pk) for _ in range(2)]

    assert states == ["sent", "sent"]
    assert [sent.recipients for sent in smtp_sink.sent] == [["ann@customer.example", "bob@customer.example"]]


def test_a_refused_answer_says_why(dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User) -> None:
    smtp_sink.answers["ann@customer.example"] = "550 5.1.1 no such user"
    server = new_server(dovecot, sink=smtp_sink)
    dovecot.deliver(letter())
    fetch(server)
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Hello")

    state = outbox.send(OutboundMail.objects.get().pk)

    assert state == "failed"
    assert "no such user" in OutboundMail.objects.get().error


def test_a_wrong_sending_password_holds_answers_back_until_it_is_mended(
    dovecot: Mailbox, new_smtp_sink: NewSink, new_server: NewServer, agent: User
) -> None:
    sink = new_smtp_sink(username="support", password="right")
    server = new_server(dovecot, sink=sink)
    server.secrets["sending.password"] = "wrong"
    server.save()
    dovecot.deliver(letter())
    fetch(server)
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Hello")
    mail = OutboundMail.objects.get()

    assert outbox.send(mail.pk) == "queued"
    mail.refresh_from_db()
    assert "did not accept user name and password" in mail.error
    server.secrets["sending.password"] = "right"
    server.save()
    OutboundMail.objects.update(next_try_at=datetime.now(tz=UTC))
    assert outbox.send(mail.pk) == "sent"

    assert len(sink.sent) == 1


def test_an_answer_half_sent_by_a_dead_process_goes_out_again_under_the_same_id(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, sink=smtp_sink)
    dovecot.deliver(letter())
    fetch(server)
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Hello")
    mail = OutboundMail.objects.get()
    long_ago = datetime.now(tz=UTC) - timedelta(hours=1)
    OutboundMail.objects.update(state="sending", claimed_at=long_ago)

    assert outbox.due_mails() == [mail.pk]
    outbox.send(mail.pk)

    assert smtp_sink.sent[0].message["Message-ID"] == f"<{mail.message_id}>"


@pytest.mark.req("S4-39")
def test_a_mail_server_paused_during_a_fetch_stops_at_the_next_batch_without_an_error(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject=f"mail {n}") for n in range(BATCH_MAILS + 10)])

    def pause(done: int, total: int) -> None:
        MailServer.objects.update(status=MailServer.Status.PAUSED)

    first = fetch(server, progress=pause)
    MailServer.objects.update(status=MailServer.Status.ACTIVE)
    second = fetch(server)

    assert (first.opened, first.error) == (BATCH_MAILS, "")
    assert (second.opened, second.error) == (10, "")
    server.refresh_from_db()
    assert server.last_error == ""


@pytest.mark.req("S4-28")
def test_a_mail_that_cannot_be_written_ends_as_failed_with_its_original(
    dovecot: Mailbox, new_server: NewServer, failpoint: Failpoint
) -> None:
    server = new_server(dovecot)
    raw = letter()
    dovecot.deliver(raw)
    failpoint("settle.ticket_written:1:raise")

    report = fetch(server)

    row = InboundMail.objects.get()
    assert (report.failed, row.outcome, row.reason) == (1, "failed", "failed.rule")
    assert "RuntimeError" in row.because
    assert row.raw.content == raw
    assert Ticket.objects.count() == 0
    assert len(dovecot.mails("Failed")) == 1


def test_when_a_group_cannot_be_written_each_of_its_mails_is_tried_alone(
    dovecot: Mailbox, new_server: NewServer, failpoint: Failpoint
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject=subject) for subject in ("one", "two", "three")])
    failpoint("settle.ticket_written:1:raise")

    report = fetch(server)

    assert (report.opened, report.failed) == (3, 0)
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["one", "three", "two"]


def test_a_full_disk_ends_the_run_and_blames_no_mail(
    dovecot: Mailbox, new_server: NewServer, failpoint: Failpoint
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())
    failpoint("settle.ticket_written:1:enospc")

    first, second = fetch(server), fetch(server)

    assert "cannot be stored" in first.error
    assert (second.opened, second.error) == (1, "")
