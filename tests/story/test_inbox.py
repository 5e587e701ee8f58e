"""A forwarding inbox's address and secret, and how it fits among the mailboxes that are fetched."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import override_settings
from django.utils import timezone
from django_q.models import OrmQ

from mailchannel import tasks
from mailchannel.models import FetchRun, InboundMail, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import check, drafts, inbox, push, schedule, turned_away
from mailchannel.services.copying import copy
from mailchannel.services.fetch import fetch
from mailchannel.services.health import late
from mailchannel.services.lease import hold
from mailchannel.services.push import Brought, NotTaken
from mailchannel.services.readiness import problems
from mailchannel.services.watching import register
from tests.contract.test_doors import forwarding
from tests.fixtures import NewServer
from tests.letters import letter
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    made, _ = forwarding(new_server, "raw", name="Größe & Support Mailbox")
    return made


# --- Address and secret -------------------------------------------------------------------------


@pytest.mark.req("S0-37")
def test_the_address_has_words_for_people_and_a_part_nobody_guesses(server: MailServer, new_server: NewServer) -> None:
    with override_settings(INBOUND_DOMAIN="in.example.com"):
        assert re.fullmatch(r"groe-support-mailbox\.[a-km-np-z2-9]{24}@in\.example\.com", inbox.address(server))
    assert inbox.address(server).endswith("@testserver")
    others = {forwarding(new_server, "raw", name=f"Inbox {n}")[0].inbox_token for n in range(20)}
    assert len(others) == 20
    server.name = "☂"
    assert inbox.address(server).startswith("inbox.")


def test_an_inbox_without_an_address_is_nowhere(new_server: NewServer) -> None:
    server = new_server(protocol="forwarding", connection={})

    assert (inbox.address(server), inbox.url(server), inbox.find("")) == ("", "", None)
    assert not inbox.knows(server, "")


@override_settings(PUBLIC_URL="https://help.example.com:8443")
def test_the_url_for_a_provider_holds_the_secret(server: MailServer) -> None:
    token = server.inbox_token

    assert inbox.url(server) == f"https://help.example.com:8443/inbound/raw/{token}/"
    assert inbox.url(server, "s") == f"https://inbox:s@help.example.com:8443/inbound/raw/{token}/"


def test_a_secret_is_made_once_and_told_once(server: MailServer) -> None:
    token = server.inbox_token

    assert inbox.open_up(server, by=None) == ""
    assert server.inbox_token == token


@pytest.mark.req("S0-52", "WB-08")
def test_changing_and_taking_back(server: MailServer) -> None:
    first = server.secrets[inbox.SECRET]
    second = inbox.rotate(server, by=None)
    third = inbox.rotate(server, by=None)

    assert [inbox.knows(server, each) for each in (first, second, third, "")] == [False, True, True, False]
    assert inbox.retire(server, by=None) and not inbox.retire(server, by=None)
    assert [inbox.knows(server, each) for each in (second, third)] == [False, True]
    token = server.inbox_token
    fourth = inbox.revoke(server, by=None)
    assert server.inbox_token != token and inbox.find(token) is None
    assert [inbox.knows(server, each) for each in (third, fourth)] == [False, True]
    said = "\n".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "new secret" in said and "Took back" in said
    assert not any(secret in said for secret in (first, second, third, fourth))


def test_other_secrets_stay_as_they_are(server: MailServer) -> None:
    server.update(secrets=Secrets({**server.secrets, "sending.password": "p", "api_key": "k"}))

    inbox.rotate(server, by=None)
    inbox.revoke(server, by=None)

    stored = MailServer.objects.get().secrets
    assert (stored["sending.password"], stored["api_key"]) == ("p", "k")


def test_the_settings_being_prepared_know_the_new_secret_too(server: MailServer) -> None:
    drafts.begin(server)
    secret = inbox.rotate(server, by=None)

    drafts.adopt(server)

    assert inbox.knows(MailServer.objects.get(), secret)


def test_a_copy_has_an_address_and_a_secret_of_its_own(server: MailServer) -> None:
    first = server.secrets[inbox.SECRET]
    second = inbox.rotate(server, by=None)
    server.update(secrets=Secrets({**server.secrets, "api_key": "k"}))

    made = copy(server, by=None)
    own = inbox.open_up(made, by=None)

    made.refresh_from_db()
    assert own and made.inbox_token not in ("", server.inbox_token)
    assert [inbox.knows(made, each) for each in (own, first, second)] == [True, False, False]
    assert [inbox.knows(server, each) for each in (own, first, second)] == [False, True, True]
    assert made.secrets["api_key"] == "k"


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_the_address_customers_write_to_leads_to_the_one_that_takes_mail(server: MailServer, status: str) -> None:
    made = copy(server, by=None)
    assert inbox.recipient(server.address) == server

    made.update(status="active")
    server.update(status=status)

    assert inbox.recipient(server.address) == made


def test_what_an_inbox_says_of_its_callers_outlives_the_watcher(server: MailServer) -> None:
    turned_away.stranger(server, "the secret is missing or wrong", 1)

    register.forget()

    server.refresh_from_db()
    assert "the secret is missing or wrong" in server.push_error


# --- Among mailboxes that are fetched -----------------------------------------------------------


def test_nothing_is_fetched_and_nobody_is_alarmed(server: MailServer) -> None:
    server.update(next_fetch_at=timezone.now() - timezone.timedelta(hours=1))  # type: ignore[attr-defined]

    assert schedule.claim_due() == []
    assert late() == []
    assert fetch(server).error == ""
    assert problems(server) == []


def test_a_connection_test_says_that_there_is_nothing_to_connect_to(server: MailServer) -> None:
    findings = check.check(check.stored(server))

    assert any("brought to us" in finding.text for finding in findings)
    assert not any(finding.level == check.Level.BAD for finding in findings if finding.field != "sending-host")


@pytest.mark.req("S0-52")
def test_a_task_settles_at_once_and_the_sweeper_what_it_missed(server: MailServer) -> None:
    first = push.take(server, [Brought(letter())], transport="raw")
    push.settle_soon(server)

    assert OrmQ.objects.count() == 1
    assert push.settle_server(server.pk) == 1
    assert Ticket.objects.count() == 1
    push.take(server, [Brought(letter(subject="another"))], transport="raw")
    tasks.tick()
    assert Ticket.objects.count() == 2
    assert first[0].row.transport == "raw" and not FetchRun.objects.exists()


def test_a_task_waits_for_its_turn(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PATIENCE", 0.0)
    push.take(server, [Brought(letter())], transport="raw")

    with hold(server.pk):
        assert push.settle_server(server.pk) == 0
    assert push.settle_server(server.pk) == 1


def test_a_task_for_an_inbox_that_is_gone_does_nothing(db: None) -> None:
    assert push.settle_server(4711) == 0


@pytest.mark.req("S0-38")
@pytest.mark.parametrize("status", ["draft", "paused"])
def test_before_it_is_published_a_mail_is_noted_and_not_taken(server: MailServer, status: str) -> None:
    server.update(status=status)

    with pytest.raises(NotTaken, match="Publish|paused"):
        push.take(server, [Brought(letter())], transport="raw")

    server.refresh_from_db()
    assert server.first_arrival_at is not None
    assert not InboundMail.objects.exists()


def test_a_name_of_any_kind_fits(server: MailServer) -> None:
    names = ["plain", "ünïcode", "x" * 5_000, "nul\0", "\ud800"]

    push.take(server, [Brought(letter(), key=each) for each in names], transport="raw")
    push.take(server, [Brought(letter(), key=each) for each in names], transport="raw")

    assert InboundMail.objects.count() == len(names)
    assert InboundMail.objects.filter(remote_key="plain").exists()


def test_one_name_twice_in_one_delivery_is_one_mail(server: MailServer) -> None:
    assert len(push.take(server, [Brought(letter(), key="a"), Brought(letter(), key="a")], transport="raw")) == 1
