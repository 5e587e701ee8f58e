"""A mailbox that is not read is announced to the people who wait for its tickets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from mailchannel.models import Alert, MailServer
from mailchannel.services import alerts
from mailchannel.services.health import snapshot
from tests.fixtures import NewServer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return new_server(
        published_at=NOW,
        last_success_at=NOW - timedelta(minutes=88),
        last_error="imap.example.com refused.",
        failures=3,
    )


@pytest.mark.req("S1-36")
def test_agents_are_told_calmly_and_without_technicalities(desk: Client, server: MailServer) -> None:
    page = desk.get("/").content.decode()

    assert "Mail to support@example.com has not been fetched since 10:32; tickets may arrive late." in page
    assert "imap.example.com" not in page
    assert "/admin/mailchannel" not in page


@pytest.mark.req("S1-36")
def test_administrators_read_why_and_get_the_way_there(desk: Client, agent: User, server: MailServer) -> None:
    User.objects.filter(pk=agent.pk).update(is_staff=True)
    agent.user_permissions.add(Permission.objects.get(codename="change_mailserver"))

    page = desk.get("/").content.decode()

    assert "imap.example.com refused." in page
    assert f'href="/admin/mailchannel/mailserver/{server.pk}/change/"' in page


@pytest.mark.req("S1-36")
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"last_error": "", "failures": 0}, ""),
        ({"last_success_at": NOW - timedelta(minutes=2), "failures": 1}, ""),
        ({"last_success_at": NOW - timedelta(minutes=2), "failures": 3}, "since 11:58"),
        ({"last_success_at": NOW - timedelta(minutes=30), "failures": 1}, "since 11:30"),
        ({"last_success_at": NOW - timedelta(days=2)}, "since 19 Nov, 12:00"),
        ({"last_success_at": None, "failures": 1}, "has not been fetched yet;"),
        ({"status": "paused"}, ""),
        ({"status": "draft"}, ""),
        ({"last_error": "", "next_fetch_at": NOW - timedelta(minutes=4)}, ""),
        ({"last_error": "", "next_fetch_at": NOW - timedelta(minutes=6)}, "since 10:32"),
        ({"last_error": "", "next_fetch_at": NOW - timedelta(minutes=6), "skip_times": ["11:00-13:00"]}, ""),
    ],
)
def test_it_is_said_when_mail_is_late_and_only_then(
    desk: Client, server: MailServer, columns: dict[str, object], said: str
) -> None:
    server.update(**columns)

    page = desk.get("/").content.decode()

    assert ("tickets may arrive late" in page) == bool(said)
    assert said in page


@pytest.mark.req("S1-36", "S4-30")
def test_a_mail_server_that_stopped_by_itself_is_late_one_that_was_paused_is_not(
    desk: Client, server: MailServer
) -> None:
    server.update(status="paused", last_error="", failures=0)
    assert "tickets may arrive late" not in desk.get("/").content.decode()

    alerts.ring(server, Alert.Kind.STOPPED, "Fifty mails failed.")

    assert "tickets may arrive late" in desk.get("/").content.decode()
    facts = snapshot()
    assert [each["stopped"] for each in facts["mail_servers"]] == [True]
    assert "mail_server.stopped" in [each["code"] for each in facts["problems"]]
    assert "Fifty mails" not in str(facts)


@pytest.mark.req("S1-36")
def test_it_is_on_the_page_of_a_ticket_as_well_as_on_the_list(desk: Client, server: MailServer) -> None:
    assert desk.get("/?view=open").content.decode().count("tickets may arrive late") == 1
    assert desk.get("/?q=nothing").content.decode().count("tickets may arrive late") == 1
