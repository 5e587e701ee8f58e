"""Who is told of trouble, when, how often, and that it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail as system
from django.utils import timezone
from pytest_django import Settings

from mailchannel import tasks
from mailchannel.models import Alert, InboundMail, MailDefaults, MailServer, OutboundMail
from mailchannel.services import alerts, notices, outbox, schedule
from mailchannel.services.fetch import fetch
from mailchannel.services.push import accept
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.fixtures import Failpoint
from tests.servers.loopback import free_port
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Kind = Alert.Kind
MORNING = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
At = Callable[[datetime], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """`at(moment)`: the clock of this test stands still there."""

    def stand(moment: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: moment)

    stand(MORNING)
    return stand


@pytest.fixture
def server(new_server: NewServer, dovecot: Mailbox, smtp_sink: SmtpSink, agent: User) -> MailServer:
    """Its team is one person; tries are few, so that a test is quick."""
    server = new_server(dovecot, sink=smtp_sink, max_tries=1, cool_off_minutes=0)
    server.alert_to.add(agent)
    return server


def out_of_reach(server: MailServer) -> MailServer:
    server.update(connection={**server.connection, "port": free_port()})
    return server


def within_reach(server: MailServer, mailbox: Mailbox) -> MailServer:
    server.update(connection={**server.connection, "port": mailbox.port})
    return server


def fail(server: MailServer, times: int) -> None:
    for _ in range(times):
        assert fetch(server).error


def send_all() -> None:
    for due in outbox.due_mails():
        outbox.send(due)


def rules(**changed: object) -> None:
    MailDefaults(alerts=changed).save()


# --- The mailbox cannot be reached --------------------------------------------------------------


@pytest.mark.req("S4-42")
def test_a_run_that_cannot_reach_the_mailbox_is_skipped_and_the_next_schedule_tries_again(
    server: MailServer, dovecot: Mailbox, at: At
) -> None:
    dovecot.deliver(letter())
    out_of_reach(server)

    for minute in range(3):
        now = MORNING + timedelta(minutes=minute)
        at(now)
        assert schedule.claim_due(now) == [server.pk]
        assert tasks.fetch_server(server.pk) == 0
    assert not InboundMail.objects.exists()
    assert len(dovecot.uids()) == 1

    within_reach(server, dovecot)
    later = MORNING + timedelta(minutes=3)
    at(later)
    assert schedule.claim_due(later) == [server.pk]
    assert tasks.fetch_server(server.pk) == 1


@pytest.mark.req("S4-43", "S4-55")
def test_after_five_failures_administrators_hear_by_the_bell_and_the_team_by_mail(
    server: MailServer, agent: User, smtp_sink: SmtpSink
) -> None:
    out_of_reach(server)

    fail(server, 4)
    assert not Alert.objects.exists()
    assert not OutboundMail.objects.exists()
    fail(server, 1)
    send_all()

    alert = Alert.objects.get()
    assert (alert.kind, alert.ended_at) == (Kind.UNREACHABLE, None)
    assert "5 times in a row" in alert.text and "127.0.0.1" in alert.text
    assert list(alerts.unread(agent)) == [alert]
    (sent,) = smtp_sink.sent
    assert (sent.envelope_from, sent.recipients) == ("", ["mara@example.com"])
    assert sent.message["Subject"] == "Support cannot be reached"
    assert sent.message["Auto-Submitted"] == "auto-generated"
    assert sent.message["X-Auto-Response-Suppress"] == "All"
    assert f"http://testserver/admin/mailchannel/mailserver/{server.pk}/change/" in sent.message.get_content()


@pytest.mark.req("S4-44")
def test_the_count_begins_anew_after_each_notification(server: MailServer, agent: User) -> None:
    rules(failure_threshold=2)
    out_of_reach(server)

    told = []
    for _ in range(6):
        fail(server, 1)
        server.refresh_from_db()
        told.append((server.unreachable, OutboundMail.objects.count()))

    assert told == [(1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]
    assert Alert.objects.count() == 1
    assert "6 times in a row" in Alert.objects.get().text


@pytest.mark.req("S4-44")
def test_a_success_resets_the_count(server: MailServer, dovecot: Mailbox) -> None:
    rules(failure_threshold=3)
    for _ in range(2):
        fail(out_of_reach(server), 2)
        assert not fetch(within_reach(server, dovecot)).error

    server.refresh_from_db()
    assert server.unreachable == 0
    assert not Alert.objects.exists()
    assert not OutboundMail.objects.exists()


@pytest.mark.req("S4-43")
def test_an_alert_that_was_read_is_new_again_when_people_are_told_again(server: MailServer, agent: User) -> None:
    rules(failure_threshold=1)
    fail(out_of_reach(server), 1)
    alerts.mark_read(alerts.unread(agent), by=agent)
    assert not alerts.unread(agent).exists()

    fail(server, 1)

    assert alerts.unread(agent).count() == 1


@pytest.mark.req("S4-43")
def test_who_was_told_of_trouble_hears_that_it_is_over_and_nobody_else_does(
    server: MailServer, dovecot: Mailbox, smtp_sink: SmtpSink, at: At
) -> None:
    rules(failure_threshold=2)
    fail(out_of_reach(server), 1)
    assert not fetch(within_reach(server, dovecot)).error
    assert not OutboundMail.objects.exists()

    fail(out_of_reach(server), 2)
    at(MORNING + timedelta(minutes=9))
    for _ in range(2):
        assert not fetch(within_reach(server, dovecot)).error
    send_all()

    assert [each.message["Subject"] for each in smtp_sink.sent] == [
        "Support cannot be reached",
        "Support can be reached again",
    ]
    assert Alert.objects.get().ended_at == MORNING + timedelta(minutes=9)


@pytest.mark.req("S4-45")
def test_threshold_and_switch_are_settings_in_force_at_once(server: MailServer) -> None:
    out_of_reach(server)
    rules(connection_alerts=False, failure_threshold=1)
    fail(server, 3)
    assert not Alert.objects.exists()
    assert not OutboundMail.objects.exists()

    rules(failure_threshold=1)
    fail(server, 1)

    assert Alert.objects.count() == 1
    assert OutboundMail.objects.count() == 1


@pytest.mark.req("S4-45")
def test_switched_off_meanwhile_nobody_hears_that_it_is_over_but_the_alert_ends(
    server: MailServer, dovecot: Mailbox
) -> None:
    rules(failure_threshold=1)
    fail(out_of_reach(server), 1)
    rules(connection_alerts=False)

    assert not fetch(within_reach(server, dovecot)).error

    assert OutboundMail.objects.count() == 1
    assert not Alert.objects.filter(ended_at=None).exists()


@pytest.mark.req("S4-43")
def test_a_person_who_resumes_meanwhile_is_told_the_true_number(server: MailServer) -> None:
    rules(failure_threshold=3)
    fail(out_of_reach(server), 2)
    server.update(failures=0)  # resuming does that

    fail(server, 1)

    assert Alert.objects.get().text.startswith("3 times in a row")


def test_tries_and_rest_go_on_beside_the_counting(server: MailServer, at: At) -> None:
    """Every `max_tries` failures in a row the mailbox rests, whenever people were told."""
    rules(failure_threshold=3)
    server.update(max_tries=2, cool_off_minutes=30, timeout_ms=1000)
    out_of_reach(server)

    rested = []
    for minute in range(4):
        now = MORNING + timedelta(hours=minute)
        at(now)
        assert schedule.claim_due(now) == [server.pk]
        fail(server, 1)
        server.refresh_from_db()
        assert server.next_fetch_at is not None
        rested.append(server.next_fetch_at - now)

    assert rested == [timedelta(minutes=1), timedelta(minutes=30)] * 2
    assert OutboundMail.objects.count() == 1


# --- The way to the team ------------------------------------------------------------------------


@pytest.mark.req("S4-55")
def test_where_the_mail_server_cannot_send_the_systems_mail_takes_over(server: MailServer, smtp_sink: SmtpSink) -> None:
    rules(failure_threshold=1)
    server.update(sending={})
    fail(out_of_reach(server), 1)
    send_all()

    (told,) = system.outbox
    assert (told.subject, told.to) == ("Support cannot be reached", ["mara@example.com"])
    assert told.extra_headers["Auto-Submitted"] == "auto-generated"
    assert told.extra_headers["X-Helpdesk-Mailbox"] == "support@example.com"
    row = OutboundMail.objects.get()
    assert row.state == "sent" and row.error.startswith("Sent by the system's mail (EMAIL_URL), because: No outgoing")
    assert alerts.not_told_by_mail(Alert.objects.all()) == {}


@pytest.mark.req("S4-55")
def test_where_nothing_can_send_the_bell_says_so(server: MailServer, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    rules(failure_threshold=1)
    server.update(sending={})
    fail(out_of_reach(server), 1)
    send_all()

    assert OutboundMail.objects.get().state == "queued"  # until somebody mends it
    (said,) = alerts.not_told_by_mail(Alert.objects.all()).values()
    assert "No outgoing server is set for Support" in said and "EMAIL_URL" in said


@pytest.fixture
def sending_works(server: MailServer, settings: Settings) -> Callable[[], None]:
    """Nothing can send, until `sending_works()` is called."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    sending = server.sending
    server.update(sending={})

    def works() -> None:
        server.update(sending=sending)
        OutboundMail.objects.filter(state="queued").update(next_try_at=timezone.now())
        send_all()

    return works


@pytest.mark.req("S4-55")
def test_where_the_systems_mail_fails_as_well_both_reasons_are_said(server: MailServer, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    rules(failure_threshold=1)
    server.update(sending={})
    fail(out_of_reach(server), 1)
    send_all()

    (said,) = alerts.not_told_by_mail(Alert.objects.all()).values()
    assert said.startswith("No outgoing server is set for Support.")
    assert said.endswith("The system's mail (EMAIL_URL) failed, too (ConnectionRefusedError).")


@pytest.mark.req("S4-44", "S4-55")
def test_what_could_not_leave_does_not_arrive_all_at_once_later(
    server: MailServer, smtp_sink: SmtpSink, sending_works: Callable[[], None]
) -> None:
    rules(failure_threshold=1)
    for _ in range(3):
        fail(out_of_reach(server), 1)
        send_all()
    assert len(alerts.not_told_by_mail(Alert.objects.all())) == 1

    sending_works()

    (sent,) = smtp_sink.sent
    assert "3 times in a row" in sent.message.get_content()
    assert alerts.not_told_by_mail(Alert.objects.all()) == {}


@pytest.mark.req("S4-43")
def test_nobody_is_told_of_trouble_that_is_over(
    server: MailServer, dovecot: Mailbox, smtp_sink: SmtpSink, sending_works: Callable[[], None]
) -> None:
    rules(failure_threshold=1)
    fail(out_of_reach(server), 1)
    send_all()
    assert not fetch(within_reach(server, dovecot)).error

    sending_works()

    assert [each.message["Subject"] for each in smtp_sink.sent] == ["Support can be reached again"]


@pytest.mark.req("S4-33", "S4-55")
def test_the_bell_says_as_well_that_the_team_was_not_told_of_failed_mail(
    server: MailServer, sending_works: Callable[[], None]
) -> None:
    for number in (1, 2):
        alerts.mail_failed(server, failed_mail(server, number))
        send_all()

    assert list(alerts.not_told_by_mail(Alert.objects.all())) == [Alert.objects.get().pk]
    sending_works()
    assert alerts.not_told_by_mail(Alert.objects.all()) == {}


def test_an_answer_to_a_customer_never_takes_the_systems_mail(new_server: NewServer) -> None:
    row = OutboundMail.objects.create(
        server=new_server(),
        kind="reply",
        cause="x",
        message_id="x@example.com",
        recipients=["a@b.example"],
        raw=b"",
        next_try_at=timezone.now(),
    )

    assert outbox.send(row.pk) == "queued"
    assert not system.outbox


def test_our_own_mailboxes_and_people_who_left_are_not_told(server: MailServer, agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(email="support+x@example.com")
    server.alert_to.add(User.objects.create(username="gone", email="gone@example.com", is_active=False))
    rules(failure_threshold=1)

    fail(out_of_reach(server), 1)

    assert Alert.objects.count() == 1
    assert not OutboundMail.objects.exists()


# --- Mail that fails, and fetches that fail -----------------------------------------------------


def failed_mail(server: MailServer, number: int = 1) -> InboundMail:
    row = accept(server, letter(subject=f"Crash {number}"), transport="forwarding").row
    InboundMail.objects.filter(pk=row.pk).update(
        outcome="failed", reason="failed.rule", because="KeyError: 'x'", sender="ann@customer.example", subject="Crash"
    )
    row.refresh_from_db()
    return row


@pytest.mark.req("S4-41", "S4-33")
def test_the_team_hears_of_each_mail_that_failed(server: MailServer, smtp_sink: SmtpSink) -> None:
    for number in (1, 2):
        row = failed_mail(server, number)
        alerts.mail_failed(server, row)
    send_all()

    assert len(smtp_sink.sent) == 2
    text = smtp_sink.sent[-1].message.get_content()
    assert "ann@customer.example" in text and "KeyError" in text
    assert f"http://testserver/admin/mailchannel/inboundmail/{row.pk}/change/" in text
    alert = Alert.objects.get()
    assert alert.kind == Kind.FAILED_MAIL and alert.text.startswith("2 mails could not be processed")


@pytest.mark.req("S4-33", "S4-41")
@pytest.mark.parametrize("off", ["system", "server"])
def test_no_mail_is_sent_where_either_switch_is_off(off: str, server: MailServer) -> None:
    if off == "system":
        rules(application_errors=False)
    else:
        server.update(trouble={"notify_failed": False})

    alerts.mail_failed(server, failed_mail(server))

    assert not OutboundMail.objects.exists()
    assert Alert.objects.count() == 1


@pytest.mark.req("S4-33")
def test_a_flood_of_failures_is_told_up_to_a_limit_and_the_last_message_says_so(server: MailServer) -> None:
    row = failed_mail(server)
    for _ in range(notices.MOST_ALERTS + 2):
        alerts.mail_failed(server, row)

    mails = list(OutboundMail.objects.order_by("pk"))
    assert len(mails) == notices.MOST_ALERTS
    assert [b"this is the last message" in bytes(each.raw) for each in mails] == [*[False] * (len(mails) - 1), True]


@pytest.mark.req("S4-41")
def test_a_fetch_that_fails_for_another_reason_is_told_once(
    server: MailServer, dovecot: Mailbox, smtp_sink: SmtpSink, failpoint: Failpoint
) -> None:
    dovecot.deliver(letter())
    for _ in range(2):
        failpoint("imap.fetched:1:raise")
        assert fetch(server).error
    send_all()

    (sent,) = smtp_sink.sent
    assert sent.message["Subject"] == "Fetching mail for Support failed"
    assert not Alert.objects.exists()


@pytest.mark.req("S4-41")
def test_an_error_in_other_words_at_every_fetch_is_told_once_until_one_goes_through(server: MailServer, at: At) -> None:
    """And where it comes and goes, once an hour; trouble that stays is told in the end."""
    told = []
    for minute in (0, 1, 90, 95, 149, 151, 300):
        if minute in (90, 95):
            server.update(last_success_at=MORNING + timedelta(minutes=minute - 1))
        at(MORNING + timedelta(minutes=minute))
        alerts.fetching_failed(server, f"Process {minute} waits for a lock.")
        told.append(OutboundMail.objects.count())

    assert told == [1, 1, 2, 2, 2, 3, 3]


def test_an_alert_mail_that_is_answered_by_a_machine_starts_nothing(
    server: MailServer, dovecot: Mailbox, smtp_sink: SmtpSink
) -> None:
    """An absence notice of somebody in the team comes back to the mailbox the alert was about."""
    rules(failure_threshold=1)
    fail(out_of_reach(server), 1)
    send_all()
    alert = smtp_sink.sent[0].message

    within_reach(server, dovecot).update(confirmation={})
    away = letter(
        sender="mara@example.com", subject="Away", In_Reply_To=alert["Message-ID"], Auto_Submitted="auto-replied"
    )
    dovecot.deliver(away)
    assert not fetch(server).error

    assert [each.outcome for each in InboundMail.objects.all()] == ["ignored"]
    assert OutboundMail.objects.exclude(kind="alert").count() == 0
