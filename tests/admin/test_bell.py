"""The bell in the header, the page behind it, and the settings of who is told when."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from mailchannel.models import Alert, MailDefaults, MailServer, OutboundMail
from mailchannel.services import alert_settings, alerts
from tests.admin.conftest import BASE
from tests.admin.test_attachment_rules import DEFAULTS, page, typed_defaults
from tests.fixtures import NewServer

Kind = Alert.Kind
BELL = "/admin/mailchannel/alert/"


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return new_server(published_at=timezone.now(), name="Support & more")


@pytest.fixture
def alert(server: MailServer) -> Alert:
    return alerts.ring(server, Kind.UNREACHABLE, "Mail could not be fetched <b>5</b> times.\n\nLook at it.")


def header(client: Client, url: str = "/admin/") -> str:
    found = re.search(r'id="user-tools">(.*?)<form', page(client, url), re.DOTALL)
    assert found
    return " ".join(found[1].split())


@pytest.mark.req("S4-43")
def test_every_page_of_the_administration_counts_what_is_not_read(administrator: Client, server: MailServer) -> None:
    quiet = f'<a class="bell" href="{BELL}">Alerts</a>'
    assert quiet in header(administrator)

    alerts.ring(server, Kind.UNREACHABLE, "x")
    alerts.ring(server, Kind.SELF_TEST, "y")
    for url in ("/admin/", f"{BASE}/{server.pk}/connection/", BELL):
        assert f'href="{BELL}">Alerts (2)</a>' in header(administrator, url)
        assert 'role="status">2 alerts not read yet<' in header(administrator, url)

    alerts.end(server, Kind.UNREACHABLE, Kind.SELF_TEST)
    assert quiet in header(administrator)


@pytest.mark.req("S4-43")
def test_the_page_says_what_happened_where_and_what_to_do(administrator: Client, alert: Alert) -> None:
    shown = page(administrator, BELL)

    assert "Mailbox not reachable" in shown
    assert "Mail could not be fetched &lt;b&gt;5&lt;/b&gt; times.</p>" in shown
    assert f'href="/admin/mailchannel/mailserver/{alert.server_id}/change/">Support &amp; more</a>' in shown
    assert "Mark as read" in shown and ">New<" in shown


def test_a_long_bell_asks_the_database_no_more_than_a_short_one(administrator: Client, new_server: NewServer) -> None:
    def asked(url: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            page(administrator, url)
        return [each["sql"] for each in captured.captured_queries]

    asked("/admin/")  # content types are read once
    for number in range(2):
        alerts.ring(new_server(name=f"Box {number}"), Kind.UNREACHABLE, "x")
    short = asked(BELL)
    for number in range(2, 9):
        alerts.ring(new_server(name=f"Box {number}"), Kind.UNREACHABLE, "x")

    assert len(asked(BELL)) == len(short)
    assert len([sql for sql in asked("/admin/") if "mailchannel_alert" in sql]) == 1


@pytest.mark.req("S4-43")
def test_what_one_person_read_others_still_have_to(administrator: Client, alert: Alert) -> None:
    other = User.objects.create_superuser("grace")

    answer = administrator.post(f"{BELL}{alert.pk}/read/", follow=True).content.decode()

    assert ">New<" not in answer and "Mark as read" not in answer
    assert "Mail could not be fetched" in answer
    assert alerts.unread(other).count() == 1
    administrator.post(f"{BELL}{alert.pk}/read/")
    entry = LogEntry.objects.get()
    assert entry.change_message == "Marked as read: mailbox not reachable."
    assert entry.object_id == str(alert.server_id)


def test_everything_is_read_at_once(administrator: Client, server: MailServer, alert: Alert) -> None:
    alerts.ring(server, Kind.SELF_TEST, "y")
    assert "Mark all as read" in page(administrator, BELL)

    administrator.post(f"{BELL}read/")

    assert "Nothing new." in page(administrator, BELL)


@pytest.mark.req("S4-43")
def test_ended_alerts_stay_listed_behind_the_open_ones(administrator: Client, server: MailServer, alert: Alert) -> None:
    alerts.ring(server, Kind.SELF_TEST, "Sending fails.")
    alerts.end(server, Kind.SELF_TEST)

    shown = page(administrator, BELL)

    assert shown.index("Mail could not be fetched") < shown.index("Sending fails.")
    assert 'class="card ring ended"' in shown and ">Over<" in shown
    assert "Alerts (1)" in shown


@pytest.mark.req("S4-55")
def test_the_bell_says_when_the_team_could_not_be_told_by_mail(administrator: Client, alert: Alert) -> None:
    OutboundMail.objects.create(
        server=alert.server,
        kind="alert",
        cause=f"alert {alert.pk}",
        message_id="a@example.com",
        recipients=["mara@example.com"],
        raw=b"",
        state="failed",
        error="smtp.example.com refused.",
        next_try_at=timezone.now(),
    )

    shown = page(administrator, BELL)
    assert "The team could not be told by mail.</b> smtp.example.com refused." in shown
    assert '<td class="field-about">–</td>' in page(administrator, "/admin/mailchannel/outboundmail/")

    OutboundMail.objects.update(state="sent")
    assert "could not be told" not in page(administrator, BELL)


def test_an_empty_bell_teaches(administrator: Client) -> None:
    assert "No trouble so far." in page(administrator, BELL)


def test_the_bell_is_for_those_who_may_look_at_mail_servers(signed_in: Callable[..., Client], alert: Alert) -> None:
    client = signed_in("view_inboundmail")
    assert "Alerts" not in page(client, "/admin/")
    assert not alerts.unread(User.objects.get(username="sam")).exists()
    assert client.get(BELL).status_code == 403
    assert client.post(f"{BELL}{alert.pk}/read/").status_code == 403
    assert client.post(f"{BELL}read/").status_code == 403
    assert not alert.read_by.exists()


def test_who_may_look_may_mark_as_read(signed_in: Callable[..., Client], alert: Alert) -> None:
    client = signed_in("view_mailserver")

    assert "Alerts (1)" in page(client, "/admin/")
    assert client.post(f"{BELL}{alert.pk}/read/").status_code == 302
    assert alert.read_by.count() == 1


def test_a_link_marks_nothing_and_strangers_are_sent_to_the_login(administrator: Client, alert: Alert) -> None:
    assert administrator.get(f"{BELL}{alert.pk}/read/").status_code == 405
    assert administrator.get(f"{BELL}read/").status_code == 405
    assert administrator.post(f"{BELL}4711/read/").status_code == 404
    administrator.logout()
    assert "/admin/login/" in administrator.get(BELL).headers["Location"]
    assert not alert.read_by.exists()


def test_a_mail_server_with_alerts_can_be_deleted(administrator: Client, alert: Alert) -> None:
    administrator.post(f"{BASE}/{alert.server_id}/delete/", {"post": "yes"})

    assert not MailServer.objects.exists()
    assert not Alert.objects.exists()


# --- Settings -----------------------------------------------------------------------------------

TOLD = {
    "connection_alerts": "on",
    "failure_threshold": "5",
    "application_errors": "on",
    "self_test_hours": "24",
    "rotate_after_days": "180",
    "egress_address": "",
}


@pytest.mark.req("S4-45", "S4-48")
def test_when_people_are_told_is_set_on_the_page_of_system_defaults(administrator: Client) -> None:
    assert "Alerts and upkeep" in page(administrator, DEFAULTS)

    administrator.post(DEFAULTS, typed_defaults(**{**TOLD, "failure_threshold": "3", "connection_alerts": ""}))

    assert alert_settings.current()["failure_threshold"] == 3
    assert alert_settings.current()["connection_alerts"] is False
    assert not MailDefaults.current().attachments
    (line,) = LogEntry.objects.values_list("change_message", flat=True)
    assert line == (
        "Changed tell people when a mailbox cannot be reached: yes → no;\n"
        "after so many failed connections in a row: 5 → 3."
    )
    assert 'value="3"' in page(administrator, DEFAULTS)


@pytest.mark.req("S4-45")
def test_a_threshold_that_makes_no_sense_is_refused_beside_its_field(administrator: Client) -> None:
    shown = administrator.post(DEFAULTS, typed_defaults(**{**TOLD, "failure_threshold": "0"})).content.decode()

    assert "greater than or equal to 1" in shown
    assert not MailDefaults.objects.exists()


def test_saving_the_defaults_unchanged_records_nothing(administrator: Client) -> None:
    administrator.post(DEFAULTS, typed_defaults(**TOLD))

    assert not LogEntry.objects.exists()
    assert not MailDefaults.objects.exists()


# --- The step "Answers and alerts" --------------------------------------------------------------


@pytest.mark.req("S0-34")
def test_the_step_shows_the_confirmation_with_sample_values(administrator: Client, server: MailServer) -> None:
    shown = html.unescape(page(administrator, f"{BASE}/{server.pk}/answers/"))

    assert "Re: Printer on fire [HD-1041]" in shown
    assert "Switched off. Switched on, it would look like this:" in shown
    assert "<p>Hello Ann Weber,</p>" in shown


@pytest.mark.req("S0-34")
def test_the_sample_follows_what_is_typed_before_it_is_saved(administrator: Client, server: MailServer) -> None:
    typed = {"confirm-send_confirmation": "on", "confirm-confirmation_text": "<i>{number}</i> {x}", "_refresh": "1"}

    shown = administrator.post(f"{BASE}/{server.pk}/answers/", typed).content.decode()

    assert "<p>&lt;i&gt;HD-1041&lt;/i&gt; {x}</p>" in shown
    assert "gets this:" in shown
    server.refresh_from_db()
    assert server.confirmation == {"send_confirmation": False}


@pytest.mark.req("S4-55")
def test_the_step_says_when_nothing_can_be_sent(administrator: Client, server: MailServer, settings: Settings) -> None:
    url = f"{BASE}/{server.pk}/answers/"
    assert "until it is, no confirmation leaves" in page(administrator, url)
    assert "only the bell tells" not in page(administrator, url)

    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "so only the bell tells of trouble" in page(administrator, url)
