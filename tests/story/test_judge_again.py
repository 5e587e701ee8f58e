"""A person looks at a mail again: with other settings, against the gates' word, or by changing a sender's lists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from mailchannel.compose.headers import reply_address
from mailchannel.models import InboundMail, MailServer, SettingsVersion
from mailchannel.services import drafts, judge_again, sender_lists
from mailchannel.services.fetch import fetch
from mailchannel.services.judge_again import CannotJudge
from mailchannel.services.push import accept
from mailchannel.services.sender_lists import CannotChange, Verb
from mailchannel.services.settle import settle
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tickets.api import signature
from tickets.models import Ticket, TicketType

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    """Published, and only people at example.org may write."""
    server = new_server(version=3)
    server.update(published_at=server.sync_start or "2026-01-01T00:00:00Z")
    server.domains.create(domain="example.org")
    return MailServer.objects.get(pk=server.pk)


def welcome_everybody(server: MailServer) -> None:
    server.domains.all().delete()
    MailServer.objects.filter(pk=server.pk).update(version=4)


@pytest.mark.req("S0-34", "S4-32", "S4-38")
def test_other_settings_make_a_ticket_of_a_refused_mail(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())
    assert row.reason == "rejected.domain"
    welcome_everybody(server)

    judged = judge_again.judge_again(row, by=agent)

    row.refresh_from_db()
    ticket = Ticket.objects.get()
    assert (row.outcome, row.reason, row.ticket, row.version) == ("opened", "accepted.new", ticket, 4)
    assert judged.text.startswith(f"It became ticket {ticket.number}.")
    assert ticket.notes.get().text.strip() == "Help!"


def test_what_was_decided_before_stays_in_the_trace(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())

    for _ in range(2):
        judge_again.judge_again(row, by=agent)

    row.refresh_from_db()
    earlier = [step for step in row.trace if step["stage"] == "earlier"]
    assert [(step["code"], step["verdict"]) for step in earlier] == [("rejected.domain", "rejected")] * 2
    assert "customer.example is none of example.org" in earlier[0]["because"]
    assert "settings version 3" in earlier[0]["because"]
    assert "Judged again by mara" in earlier[0]["because"]
    assert sum(step["code"] == "sender_domain" for step in row.trace) == 1
    assert LogEntry.objects.filter(change_message="Judged again: rejected.domain → rejected.domain.").count() == 2


def test_pressed_twice_it_opens_one_ticket(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())
    judge_again.accept(row, by=agent)

    with pytest.raises(CannotJudge, match="became HD-"):
        judge_again.accept(row, by=agent)
    with pytest.raises(CannotJudge, match="became HD-"):
        judge_again.judge_again(row, by=agent)

    assert Ticket.objects.count() == 1


def test_two_people_at_once_open_one_ticket(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())

    def press(_: int) -> str:
        try:
            return judge_again.accept(InboundMail.objects.get(pk=row.pk), by=agent).outcome
        except CannotJudge as error:
            return str(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(press, range(4)))

    ticket = Ticket.objects.get()
    assert sorted(answers) == sorted(["opened", *[f"This mail became {ticket.number} already."] * 3])
    assert ticket.notes.count() == 1


@pytest.mark.req("S0-45")
def test_an_answer_to_a_ticket_that_takes_no_mail_is_recorded_and_can_be_accepted(
    new_server: NewServer, agent: User
) -> None:
    server = new_server()
    first = _take(server, letter(message_id="first@customer.example"))
    assert first.ticket
    server.whitelisted_types.add(TicketType.objects.create(name="Request"))

    row = _take(server, letter(body="Any news?", In_Reply_To="<first@customer.example>"))

    assert (row.outcome, row.reason, row.ticket) == ("ignored", "ignored.ticket_type", None)
    assert f"{first.ticket.number} is of type Incident, none of Request" in row.because
    judge_again.accept(row, by=agent)
    row.refresh_from_db()
    assert (row.outcome, row.reason, row.ticket) == ("added", "accepted.released", first.ticket)
    assert [note.text.strip() for note in first.ticket.notes.all()] == ["Help!", "Any news?"]


def test_an_accepted_mail_says_who_accepted_it_and_why_it_was_refused(
    server: MailServer, receive: Receive, agent: User
) -> None:
    row = receive(letter())

    judge_again.accept(row, by=agent)

    row.refresh_from_db()
    assert row.because == "mara accepted it, although: rejected.domain"
    assert {"stage": "person", "code": "accepted", "verdict": "pass", "because": row.because} in row.trace
    assert [step["code"] for step in row.trace if step["verdict"] == "refuse"] == ["sender_domain"]
    assert LogEntry.objects.get().change_message == "Accepted it: rejected.domain → accepted.released."


def test_a_forged_answer_that_is_accepted_opens_a_ticket_of_its_own(new_server: NewServer, agent: User) -> None:
    """Accepting lets a mail in; it does not make its sender a part of somebody else's ticket."""
    acceptance = {"trusted_authentication_server": "mx.example.com", "hold_failed_authentication": True}
    server = new_server(acceptance=acceptance)
    first = _take(server, letter())
    assert first.ticket
    to = reply_address("support@example.com", first.ticket.number, signature(first.ticket.pk, "reply"))

    forged = _take(server, letter(to=to, body="Let me in", Authentication_Results="mx.example.com; dmarc=fail"))
    assert forged.outcome == "held"
    judge_again.accept(forged, by=agent)

    forged.refresh_from_db()
    assert forged.outcome == "opened"
    assert forged.ticket != first.ticket
    assert first.ticket.notes.count() == 1


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"outcome": "received"}, "waits for the worker"),
        ({"headers_only": True}, "Only its headers were fetched"),
        ({"outcome": "failed"}, "Try it again first"),
        ({"outcome": "opened"}, "was accepted already"),  # and somebody deleted the ticket
    ],
)
def test_what_cannot_be_accepted_is_said(
    server: MailServer, receive: Receive, agent: User, columns: dict[str, Any], said: str
) -> None:
    row = receive(letter())
    InboundMail.objects.filter(pk=row.pk).update(**columns)

    with pytest.raises(CannotJudge, match=said):
        judge_again.accept(row, by=agent)

    assert not Ticket.objects.exists()


def test_a_mail_without_a_sender_belongs_to_nobody(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter(sender="nobody in particular"))

    with pytest.raises(CannotJudge, match="names no sender"):
        judge_again.accept(row, by=agent)

    assert not Ticket.objects.exists()


def test_another_copy_is_judged_where_the_first_one_is(server: MailServer, receive: Receive, agent: User) -> None:
    raw = letter()
    first, copy = receive(raw), receive(raw)

    with pytest.raises(CannotJudge, match=f"another copy of mail {first.pk}"):
        judge_again.judge_again(copy, by=agent)


def test_a_mail_that_fails_once_more_stays_as_it_was(
    server: MailServer, receive: Receive, agent: User, settings: Settings
) -> None:
    row = receive(letter())
    welcome_everybody(server)
    MailServer.objects.update(attach_email=True)
    settings.MEDIA_ROOT = "/proc/nowhere"  # no file can be stored there

    with pytest.raises(CannotJudge, match="could not be processed this time either"):
        judge_again.judge_again(row, by=agent)

    row.refresh_from_db()
    assert (row.outcome, row.reason, Ticket.objects.count()) == ("rejected", "rejected.domain", 0)
    assert not [step for step in row.trace if step["stage"] == "earlier"]


def test_without_a_template_there_is_nothing_to_judge_by(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())
    MailServer.objects.update(template=None)

    with pytest.raises(CannotJudge, match="has no ticket template"):
        judge_again.judge_again(row, by=agent)


def test_a_mail_that_ended_a_process_is_left_to_the_worker(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())
    welcome_everybody(server)
    InboundMail.objects.filter(pk=row.pk).update(outcome="failed", reason="failed.died", because="signal SIGKILL")

    judged = judge_again.judge_again(InboundMail.objects.get(pk=row.pk), by=agent)

    assert (judged.outcome, Ticket.objects.count()) == ("received", 0)
    settle(MailServer.objects.get())
    row.refresh_from_db()
    assert row.outcome == "opened"
    assert [step["code"] for step in row.trace if step["stage"] == "earlier"] == ["failed.died"]


def test_a_thread_leaves_mail_that_may_end_its_process_to_a_worker(server: MailServer) -> None:
    welcome_everybody(server)
    dangerous = accept(server, letter(subject="One", message_id="1@customer.example"), transport="forwarding").row
    harmless = accept(server, letter(subject="Two", message_id="2@customer.example"), transport="forwarding").row
    InboundMail.objects.filter(pk=dangerous.pk).update(attempts=1)
    outcomes = InboundMail.objects.order_by("pk").values_list("outcome", "attempts")

    def in_a_thread() -> None:
        settle(MailServer.objects.get())
        connections.close_all()

    thread = Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert list(outcomes.filter(pk=dangerous.pk)) == [("received", 1)]
    assert list(outcomes.filter(pk=harmless.pk)) == [("opened", 1)]

    settle(MailServer.objects.get())
    assert list(outcomes.filter(pk=dangerous.pk)) == [("opened", 2)]


def put_back_and_never_seen_again(row: InboundMail) -> InboundMail:
    """It failed, a person moved it to the inbox, and a fetch that went through did not find it there."""
    now = timezone.now()
    moved = {"outcome": "failed", "reason": "failed.rule", "remote": "kept", "folder": "INBOX"}
    InboundMail.objects.filter(pk=row.pk).update(**moved, retry_at=now)
    MailServer.objects.update(last_success_at=now + timedelta(minutes=1))
    return InboundMail.objects.select_related("server").get(pk=row.pk)


@pytest.mark.req("S4-32")
def test_a_mail_that_never_came_back_from_the_inbox_is_judged_from_our_copy(
    server: MailServer, receive: Receive, agent: User
) -> None:
    row = receive(letter())
    welcome_everybody(server)
    row = put_back_and_never_seen_again(row)

    assert judge_again.judge_again(row, by=agent).outcome == "opened"

    row.refresh_from_db()
    assert row.retry_at is None  # or a copy that turns up later would be judged as this mail, and open a second ticket


def test_a_mail_that_waits_in_the_inbox_is_left_to_the_fetch(server: MailServer, receive: Receive, agent: User) -> None:
    row = put_back_and_never_seen_again(receive(letter()))
    MailServer.objects.update(last_success_at=row.retry_at - timedelta(minutes=1) if row.retry_at else None)

    with pytest.raises(CannotJudge, match="The next fetch judges it"):
        judge_again.judge_again(row, by=agent)


def test_headers_that_never_came_back_from_the_inbox_are_not_forgotten(
    server: MailServer, receive: Receive, agent: User
) -> None:
    row = receive(letter())
    welcome_everybody(server)
    InboundMail.objects.update(headers_only=True)

    with pytest.raises(CannotJudge, match="Only its headers were fetched"):
        judge_again.judge_again(put_back_and_never_seen_again(row), by=agent)

    assert InboundMail.objects.count() == 1


def test_a_mail_that_is_left_to_the_worker_is_filed_by_its_new_end(
    server: MailServer, receive: Receive, agent: User
) -> None:
    row = receive(letter())
    left = {"outcome": "failed", "reason": "failed.died", "remote": "kept", "folder": "INBOX"}
    InboundMail.objects.filter(pk=row.pk).update(**left)

    judge_again.judge_again(row, by=agent)

    row.refresh_from_db()
    assert (row.outcome, row.remote) == ("received", "pending")


@pytest.mark.dovecot
def test_a_message_left_in_place_is_filed_by_its_new_end(dovecot: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(dovecot, acceptance={"blocked_senders": ["ann@customer.example"]})
    server.folders.filter(role="exclusion").delete()  # ignored mail stays where it is
    dovecot.deliver(letter())
    fetch(server)
    row = InboundMail.objects.get()
    assert (row.outcome, row.remote, len(dovecot.mails("INBOX"))) == ("ignored", "kept", 1)

    assert "The next fetch files the message" in judge_again.accept(row, by=agent).text
    fetch(server)

    assert (len(dovecot.mails("INBOX")), len(dovecot.mails("Processed"))) == (0, 1)
    assert Ticket.objects.count() == 1


@pytest.mark.dovecot
def test_a_message_that_was_moved_stays_there_and_the_answer_says_so(
    dovecot: Mailbox, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot)
    server.domains.create(domain="example.org")
    dovecot.deliver(letter())
    fetch(server)

    judged = judge_again.accept(InboundMail.objects.get(), by=agent)

    assert "the message stays in “Failed”" in judged.text
    fetch(server)
    assert len(dovecot.mails("Failed")) == 1
    assert Ticket.objects.count() == 1


@pytest.mark.req("S0-25", "S0-41", "S2-23")
def test_allowing_a_sender_changes_every_list_in_its_way_as_a_new_version(
    server: MailServer, receive: Receive, agent: User
) -> None:
    blocked = {"blocked_senders": ["*@customer.example"], "auto_reply_words": ["ann@customer.example", "away"]}
    server.update(acceptance={**blocked, "new_tickets_enabled": False})
    row = receive(letter())

    plan = sender_lists.plan(server, row.sender, verb=Verb.ALLOW, whole_domain=False)
    done = sender_lists.change(server, row.sender, verb=Verb.ALLOW, whole_domain=False, by=agent)

    assert done == plan
    assert done.changes == (
        "approved domains: + customer.example",
        "blocked senders: − *@customer.example",
        "automatic senders: − ann@customer.example",
        "senders who may open tickets although others may not: + ann@customer.example",
    )
    assert any("names more people than ann@customer.example" in remark for remark in done.remarks)
    assert judge_again.judge_again(row, by=agent).outcome == "opened"
    server = MailServer.objects.get()
    assert server.version == 4
    assert SettingsVersion.objects.get(number=4).document["accept"]["auto_reply_words"] == ["away"]
    assert "blocked senders: − *@customer.example" in LogEntry.objects.earliest("pk").change_message


def test_a_draft_gets_the_same_change(server: MailServer, agent: User) -> None:
    draft = drafts.begin(server)
    draft.update(acceptance={"blocked_senders": ["eve@evil.example"]})

    sender_lists.change(server, "mallory@evil.example", verb=Verb.BLOCK, whole_domain=True, by=agent)

    draft.refresh_from_db()
    assert draft.acceptance["blocked_senders"] == ["eve@evil.example", "*@evil.example"]
    assert MailServer.objects.get().acceptance["blocked_senders"] == ["*@evil.example"]
    assert [line.split(" ")[0] for line in LogEntry.objects.values_list("change_message", flat=True)] == [
        "Prepared",
        "Changed",
    ]


@pytest.mark.req("S2-23")
def test_a_blocked_sender_opens_no_more_tickets(server: MailServer, receive: Receive, agent: User) -> None:
    welcome_everybody(server)
    row = receive(letter())
    assert row.outcome == "opened"

    sender_lists.change(server, row.sender, verb=Verb.BLOCK, whole_domain=False, by=agent)

    server.refresh_from_db()
    assert receive(letter(subject="Once more")).reason == "ignored.blocked"
    again = sender_lists.change(server, row.sender, verb=Verb.BLOCK, whole_domain=False, by=agent)
    assert again.changes == ()


@pytest.mark.parametrize("sender", ["*@customer.example", "a?n@customer.example"])
@pytest.mark.parametrize("verb", Verb)
def test_a_sender_whose_address_would_name_others_is_put_on_no_list(
    server: MailServer, agent: User, sender: str, verb: Verb
) -> None:
    server.update(acceptance={"new_tickets_enabled": False})

    with pytest.raises(CannotChange, match="it would name others, too"):
        sender_lists.change(server, sender, verb=verb, whole_domain=False, by=agent)

    assert MailServer.objects.get().version == 3


@pytest.mark.parametrize("sender", ["support@example.com", "support+x@example.com", "nobody in particular", ""])
def test_nobody_blocks_our_own_mailbox_or_nobody(server: MailServer, agent: User, sender: str) -> None:
    with pytest.raises(CannotChange):
        sender_lists.change(server, sender, verb=Verb.BLOCK, whole_domain=False, by=agent)

    assert MailServer.objects.get().version == 3


def _take(server: MailServer, raw: bytes) -> InboundMail:
    row = accept(server, raw, transport="forwarding").row
    settle(server)
    row.refresh_from_db()
    return row
