"""Mail servers are tested by themselves, and old passwords are pointed out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from mailchannel import tasks
from mailchannel.models import Alert, MailDefaults, MailServer, OutboundMail
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts, inbox, self_test
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.loopback import free_port
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink

pytestmark = [pytest.mark.django_db(transaction=True)]

Kind = Alert.Kind


@pytest.fixture
def server(new_server: NewServer, dovecot: Mailbox, smtp_sink: SmtpSink, agent: User) -> MailServer:
    server = new_server(dovecot, sink=smtp_sink, published_at=timezone.now())
    server.alert_to.add(agent)
    return server


def break_sending(server: MailServer) -> None:
    server.update(sending={**server.sending, "port": free_port()})


def well(server: MailServer) -> bool:
    server.refresh_from_db()
    return self_test.run(server)


@pytest.mark.req("S1-42")
def test_every_active_mail_server_is_due_once_in_so_many_hours(server: MailServer, new_server: NewServer) -> None:
    new_server(name="Paused", status=MailServer.Status.PAUSED)
    now = timezone.now()

    assert self_test.claim_due(now) == [server.pk]
    assert self_test.claim_due(now + timedelta(hours=23)) == []
    assert self_test.claim_due(now + timedelta(hours=24)) == [server.pk]
    MailDefaults(alerts={"self_test_hours": 1}).save()
    assert self_test.claim_due(now + timedelta(hours=25)) == [server.pk]
    MailDefaults(alerts={"self_test_hours": 0}).save()
    assert self_test.claim_due(now + timedelta(days=9)) == []


def test_no_test_falls_into_the_hours_when_nobody_may_connect(server: MailServer) -> None:
    server.update(skip_times=["00:00-23:59"])

    assert self_test.claim_due(timezone.now().replace(hour=12)) == []


@pytest.mark.req("S1-42")
def test_the_tick_hands_the_test_out(server: MailServer) -> None:
    tasks.tick()

    assert any(task.func() == "mailchannel.tasks.test_server" for task in OrmQ.objects.all())
    assert tasks.test_server(server.pk)


@pytest.mark.req("S1-42")
def test_what_the_test_saw_is_stored_and_shown_and_changes_nothing_there(
    server: MailServer, dovecot: Mailbox, smtp_sink: SmtpSink
) -> None:
    uid = dovecot.deliver(letter())

    assert well(server)

    assert not smtp_sink.sent
    assert dovecot.flags()[uid] <= {r"\Recent"}
    server.refresh_from_db()
    assert server.tested_at is not None
    shown = render_to_string("admin/mailchannel/_self_test.html", {"server": server})
    assert dovecot.username in shown and "Sending answers" in shown
    assert "✓" in shown and "✕" not in shown
    assert not Alert.objects.exists()


@pytest.mark.req("S1-42")
def test_a_test_that_gets_worse_rings_once_and_ends_when_all_is_well(server: MailServer, smtp_sink: SmtpSink) -> None:
    assert well(server)
    break_sending(server)

    for _ in range(2):
        assert not well(server)
    alert = Alert.objects.get()
    assert (alert.kind, alert.ended_at) == (Kind.SELF_TEST, None)
    assert "Sending: No SMTP server answered" in alert.text
    assert OutboundMail.objects.count() == 1

    server.update(sending={**server.sending, "port": smtp_sink.port})
    assert well(server)
    alert.refresh_from_db()
    assert alert.ended_at is not None


def test_a_lost_key_is_found_by_the_test_as_well(server: MailServer, settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert not well(server)

    assert "FIELD_ENCRYPTION_KEYS" in Alert.objects.get().text


@pytest.mark.req("S1-38")
def test_an_old_password_is_pointed_out_until_it_is_set_anew(server: MailServer) -> None:
    now = timezone.now()
    server.update(secrets_set_at=now - timedelta(days=181))

    assert self_test.remind_of_old_secrets(now) == 1
    assert self_test.remind_of_old_secrets(now) == 0
    alert = Alert.objects.get()
    assert (alert.kind, alert.ended_at) == (Kind.SECRET_AGE, None)
    assert "180 days" in alert.text

    server.update(secrets_set_at=now)
    self_test.remind_of_old_secrets(now)
    alert.refresh_from_db()
    assert alert.ended_at == now


@pytest.mark.req("S1-38")
@pytest.mark.parametrize(("days", "published_days_ago", "rings"), [(180, 181, 1), (180, 179, 0), (0, 999, 0)])
def test_a_password_nobody_typed_since_is_as_old_as_the_publication(
    server: MailServer, days: int, published_days_ago: int, rings: int
) -> None:
    MailDefaults(alerts={"rotate_after_days": days}).save()
    now = timezone.now()
    server.update(published_at=now - timedelta(days=published_days_ago))

    assert self_test.remind_of_old_secrets(now) == rings


def test_a_mail_server_without_a_password_has_none_to_change(server: MailServer) -> None:
    server.update(secrets=type(server.secrets)(), secrets_set_at=timezone.now() - timedelta(days=999))

    assert self_test.remind_of_old_secrets() == 0


def old(server: MailServer) -> str:
    now = timezone.now()
    server.update(published_at=now, secrets_set_at=now - timedelta(days=181))
    self_test.remind_of_old_secrets(now)
    return str(Alert.objects.get().text)


@pytest.mark.req("S1-38")
def test_an_inbox_is_done_with_once_it_has_a_new_secret(new_server: NewServer) -> None:
    server = new_server(protocol="forwarding", connection={"door": "raw"}, secrets=Secrets())
    inbox.open_up(server, by=None)
    drafts.begin(server)
    said = old(server)
    assert "The secret of Support has not been changed since" in said
    assert "Press New secret on the page of the inbox, and enter it where the mail comes from." in said
    assert "assword" not in said

    inbox.rotate(server, by=None)

    self_test.remind_of_old_secrets()
    assert Alert.objects.get().ended_at is not None
    drafts.adopt(server)
    assert self_test.remind_of_old_secrets() == 0


@pytest.mark.parametrize("sending", [{}, {"host": "smtp.example.com"}])
def test_where_an_application_signs_in_its_secret_is_what_is_old(
    new_server: NewServer, sending: dict[str, str]
) -> None:
    server = new_server(
        auth="oauth", sending_auth="oauth" if sending else "password", sending=sending,
        secrets=Secrets({"oauth.client_secret": "s"}),
    )  # fmt: skip

    said = old(server)

    assert "The client secret of Support has not been changed since" in said
    assert "Make a new one for the application at its provider, then enter it under Connection and publish." in said
    assert "assword" not in said


def test_where_only_answers_leave_by_password_the_password_is_named(new_server: NewServer) -> None:
    server = new_server(auth="oauth", sending={"host": "smtp.example.com"}, secrets=Secrets({"sending.password": "s"}))

    assert "The password of Support has not been changed since" in old(server)


def test_an_inbox_that_takes_mail_by_smtp_has_no_secret_to_change(new_server: NewServer) -> None:
    server = new_server(protocol="forwarding", connection={"door": "smtp"}, secrets=Secrets())
    inbox.open_up(server, by=None)
    now = timezone.now()
    server.update(published_at=now, secrets_set_at=now - timedelta(days=181))

    assert self_test.remind_of_old_secrets(now) == 0
