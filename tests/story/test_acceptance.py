"""Acceptance rules on a real mailbox: what opens a ticket, what says the same again, and where mail stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailchannel.models import FolderMapping, InboundMail, MailServer
from mailchannel.parsing.identity import digests
from mailchannel.services import outbox
from mailchannel.services.config import freeze
from mailchannel.services.explain import explain
from mailchannel.services.facts import Question, gather
from mailchannel.services.fetch import fetch
from mailchannel.services.readiness import problems
from mailchannel.services.reading import parse
from mailchannel.services.schedule import rests
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Contact, Ticket
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUPPORT = "support@example.com"


def reasons() -> list[str]:
    return list(InboundMail.objects.order_by("pk").values_list("reason", flat=True))


def with_file(content: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "scanner@customer.example", SUPPORT, "Scan"
    mail["Message-ID"] = f"<{content.hex()}@customer.example>"
    mail.set_content("A scan is attached.")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="scan.bin")
    return mail.as_bytes()


@pytest.mark.req("S2-19")
def test_the_same_words_sent_anew_open_one_ticket(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(), letter(), letter(subject="Re: printer on FIRE")])

    fetch(server)
    dovecot.deliver(letter())
    fetch(server)

    ticket = Ticket.objects.get()
    assert reasons() == ["accepted.new", *["duplicate.same_words"] * 3]
    first, *others = InboundMail.objects.order_by("pk")
    expected = f"the same sender, subject, words and files as mail {first.pk}, received"
    assert all(row.because.startswith(expected) for row in others)
    assert all(row.because.endswith(f"which opened {ticket.number}") for row in others)
    assert len(dovecot.mails("Processed")) == 4
    assert dovecot.mails("INBOX") == []


@pytest.mark.req("S2-19")
@pytest.mark.parametrize(
    ("acceptance", "apart", "tickets"),
    [
        ({}, 59, 1),
        ({}, 61, 2),
        ({"duplicate_window_minutes": 5}, 6, 2),
        ({"duplicate_window_minutes": 120}, 61, 1),
        ({"duplicate_window_minutes": 0}, 0, 2),
        ({"allow_duplicates": True}, 0, 2),
    ],
)
def test_how_long_the_same_words_count_is_a_setting(
    dovecot: Mailbox, new_server: NewServer, acceptance: dict[str, object], apart: int, tickets: int
) -> None:
    server = new_server(dovecot, acceptance=acceptance)
    dovecot.deliver(letter(), internal_date=NOON)
    dovecot.deliver(letter(), internal_date=NOON + timedelta(minutes=apart))

    fetch(server)

    assert Ticket.objects.count() == tickets


@pytest.mark.req("S2-19")
@pytest.mark.parametrize(
    "two",
    [
        [letter(body="It is red."), letter(body="It is green.")],
        [letter(subject="Printer"), letter(subject="Screen")],
        [letter(), letter(sender="bob@customer.example")],
        [with_file(b"one"), with_file(b"two")],
    ],
    ids=["words", "subject", "sender", "files"],
)
def test_nothing_that_differs_is_swallowed(dovecot: Mailbox, new_server: NewServer, two: Sequence[bytes]) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all(two)

    fetch(server)

    assert Ticket.objects.count() == 2


@pytest.mark.req("S2-19", "S1-41")
def test_answers_may_repeat_themselves(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(message_id="first@customer.example"))
    fetch(server)

    for _ in range(2):
        dovecot.deliver(letter(body="Yes", In_Reply_To="<first@customer.example>"))
        fetch(server)

    assert Ticket.objects.get().notes.count() == 3


@pytest.mark.req("S2-19", "S2-20")
def test_a_mail_that_opened_no_ticket_is_no_reason_to_leave_the_next_one_out(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot, acceptance={"only_if_in_to": True})
    dovecot.deliver_all([letter(to="boss@customer.example", Cc=SUPPORT), letter()])

    fetch(server)

    assert reasons() == ["ignored.not_addressed", "accepted.new"]


@pytest.mark.req("S2-19")
def test_each_mail_server_has_its_own_duplicates_and_each_mail_its_own_hour(new_server: NewServer, db: None) -> None:
    support, sales = new_server(), new_server(name="Sales", address="sales@example.com")
    row = InboundMail.objects.create(
        server=support,
        sender="ann@customer.example",
        subject="Printer on fire",
        outcome="opened",
        received_at=NOON,
        kept_at=NOON,
        size=1,
        identity="1",
        remote_key="1",
    )
    mail = parse(letter())
    row.manifest = [{"sha256": digest, "kind": "body"} for digest in digests(mail.parts)]
    row.save()

    said = [gather([Question(mail, NOON)], freeze(server))[0].same_words_as for server in (support, sales)]

    assert [bool(each) for each in said] == [True, False]
    later = gather([Question(mail, NOON + timedelta(hours=hours)) for hours in (0, 5)], freeze(support))
    assert [bool(facts.same_words_as) for facts in later] == [True, False]


@pytest.mark.req("S2-19")
def test_asking_about_many_mails_costs_no_more_queries(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(), letter(subject="Screen")])
    fetch(server)
    channel = freeze(server)

    def asked(mails: int) -> int:
        now = InboundMail.objects.latest("pk").received_at
        with CaptureQueriesContext(connection) as queries:
            found = gather([Question(parse(letter()), now) for _ in range(mails)], channel)
        assert all(facts.same_words_as for facts in found)
        return len(queries)

    assert asked(1) == asked(30)


@pytest.mark.req("S2-19")
def test_a_mail_never_repeats_itself(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    raw = letter()
    dovecot.deliver(raw)
    fetch(server)

    assert explain(server, raw).decision.reason == "accepted.new"


@pytest.mark.req("S0-43", "S1-26")
def test_mail_to_any_alias_comes_to_one_place_and_answers_leave_from_the_main_address(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, sink=smtp_sink, acceptance={"only_if_in_to": True})
    for alias in ("helpdesk@example.com", "it-support@example.com"):
        server.aliases.create(address=alias)
        dovecot.deliver(letter(to=alias, subject=f"To {alias}"))
    dovecot.deliver(letter(sender="helpdesk@example.com", subject="Our own"))

    fetch(server)
    for ticket in Ticket.objects.all():
        reply_as_agent(ticket=ticket, agent=agent, text="Thank you.")
    for due in outbox.due_mails():
        outbox.send(due)

    assert reasons() == ["accepted.new", "accepted.new", "ignored.own_mail"]
    assert len(smtp_sink.sent) == 2
    assert {sent.message["From"].addresses[0].addr_spec for sent in smtp_sink.sent} == {SUPPORT}
    assert not any("helpdesk@" in str(sent.message["To"]) for sent in smtp_sink.sent)


@pytest.mark.req("S3-15")
@pytest.mark.parametrize(
    ("unknown", "known", "opened"), [("accept", False, 1), ("refuse", False, 0), ("refuse", True, 1)]
)
def test_a_stranger_is_converted_without_a_user_or_not_at_all(
    dovecot: Mailbox, new_server: NewServer, agent: User, unknown: str, known: bool, opened: int
) -> None:
    server = new_server(dovecot, acceptance={"unknown_senders": unknown})
    if known:
        Contact.objects.create(email="ann@customer.example")
    User.objects.create_user("ann", "ann@customer.example")
    dovecot.deliver(letter())

    fetch(server)

    tickets = list(Ticket.objects.all())
    assert len(tickets) == opened
    assert all(ticket.assignee is None for ticket in tickets)
    assert not any(field.related_model is User for field in Contact._meta.concrete_fields)
    assert Contact.objects.count() == opened
    assert reasons() == ["accepted.new" if opened else "rejected.unknown_user"]


@pytest.mark.req("S4-27")
def test_with_new_tickets_off_conversations_go_on(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(message_id="first@customer.example"))
    fetch(server)
    server.update(acceptance={"new_tickets_enabled": False, "new_tickets_exceptions": ["*@branch.example"]})

    dovecot.deliver_all(
        [
            letter(subject="Another"),
            letter(body="Still broken", In_Reply_To="<first@customer.example>"),
            letter(sender="eve@branch.example"),
        ]
    )
    fetch(server)

    assert reasons()[1:] == ["rejected.new_tickets", "accepted.reply", "accepted.new"]
    assert Ticket.objects.count() == 2


@pytest.mark.req("S1-19", "S3-16")
def test_mail_from_before_the_start_stays_untouched_and_the_boundary_is_read(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot, sync_start=NOON)
    for seconds, subject in ((-1, "before"), (0, "at"), (1, "after")):
        dovecot.deliver(letter(subject=subject), internal_date=NOON + timedelta(seconds=seconds))

    fetch(server)

    assert set(Ticket.objects.values_list("title", flat=True)) == {"at", "after"}
    assert len(dovecot.mails("INBOX")) == 1
    assert "\\Seen" not in dovecot.flags("INBOX").popitem()[1]


@pytest.mark.req("S0-23", "S0-24", "S3-02")
def test_mail_may_be_left_in_place_and_is_still_read_once(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, acceptance={"blocked_senders": ["spam@customer.example"]})
    server.folders.filter(role__in=["success", "exclusion"]).delete()
    dovecot.deliver_all([letter(), letter(sender="spam@customer.example"), letter(sender="a@x, b@x")])

    counts = [fetch(server).fetched for _ in range(2)]

    assert counts == [3, 0]
    assert [problem.field for problem in problems(server) if problem.step == "folders"] == []
    assert Ticket.objects.count() == 1
    assert (len(dovecot.mails("INBOX")), len(dovecot.mails("Failed"))) == (2, 1)


@pytest.mark.req("S0-24", "S0-40", "S1-23")
def test_an_exclusion_folder_is_one_never_read_and_one_ignored_mail_goes_to(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot, acceptance={"blocked_senders": ["spam@customer.example"]})
    for folder in ("Promotions", "Support Requests"):
        dovecot.create(folder)
    for role, folder in (("source", "Support Requests"), ("source", "Promotions"), ("never_read", "Promotions")):
        server.folders.create(role=role, folder=folder)
    dovecot.deliver(letter(subject="An offer"), "Promotions")
    dovecot.deliver(letter(subject="A request"), "Support Requests")
    dovecot.deliver(letter(sender="spam@customer.example"))

    fetch(server)

    assert Ticket.objects.get().title == "A request"
    assert len(dovecot.mails("Promotions")) == 1
    assert len(dovecot.mails("Ignored")) == 1


@pytest.mark.req("S0-22")
def test_the_fail_folder_cannot_be_left_out(new_server: NewServer, db: None) -> None:
    server = new_server()
    server.folders.filter(role=FolderMapping.Role.FAIL).delete()

    assert "fail" in [problem.field for problem in problems(server)]


@pytest.mark.parametrize(
    ("span", "rest", "work"),
    [("02:00-04:00", ["02:00", "03:59"], ["01:59", "04:00"]), ("23:00-01:00", ["23:00", "00:59"], ["22:59", "01:00"])],
)
def test_no_mail_is_fetched_in_the_hours_left_out(span: str, rest: list[str], work: list[str]) -> None:
    server = MailServer(skip_times=[span])

    def at(clock: str) -> datetime:
        return datetime.fromisoformat(f"2026-03-02T{clock}:00+00:00")

    assert [rests(server, at(clock)) for clock in (*rest, *work)] == [True, True, False, False]
