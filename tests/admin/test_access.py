"""Who may see and do what, and what nobody ever sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from mailchannel.models import InboundMail, MailServer
from tests.admin.conftest import BASE
from tests.fixtures import NewServer

SignIn = Callable[..., Client]
SECRETS = {"password": "mailbox-secret-one", "sending.password": "sending-secret-two"}
PAGES = ("connection/", "folders/", "senders/", "ticket/", "answers/", "review/", "versions/", "history/")


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    server = new_server(
        connection={"host": "imap.example.com", "port": 993, "encryption": "tls", "username": "support"},
        sending={"host": "smtp.example.com", "port": 587, "encryption": "starttls", "username": "support"},
        published_at=timezone.now(),
    )
    server.update(secrets=type(server.secrets)(SECRETS))
    return server


@pytest.mark.req("S1-14", "S1-11", "SE-01")
def test_no_page_ever_shows_a_secret(administrator: Client, server: MailServer) -> None:
    shown = [administrator.get(f"{BASE}/{server.pk}/{page}").content.decode() for page in PAGES]
    shown.append(administrator.get(f"{BASE}/").content.decode())
    # A form that comes back with an error does not repeat what was typed either.
    typed = {"name": "", "protocol": "imap", "password": "just-typed-secret", "_save": "1"}
    shown.append(administrator.post(f"{BASE}/{server.pk}/connection/", typed).content.decode())

    for secret in (*SECRETS.values(), "just-typed-secret"):
        assert not any(secret in html for html in shown)
    assert "stored, leave empty to keep" in shown[0]


@pytest.mark.req("S2-01", "S4-01")
def test_staff_without_permission_sees_no_mail_server(signed_in: SignIn, server: MailServer) -> None:
    client = signed_in()

    answers = [client.get(f"{BASE}/{server.pk}/{page}").status_code for page in PAGES]

    assert set(answers) == {403}
    assert client.get(f"{BASE}/add/").status_code == 403


@pytest.mark.req("S2-01")
def test_who_may_only_look_changes_nothing(signed_in: SignIn, server: MailServer) -> None:
    client = signed_in("view_mailserver")
    url = f"{BASE}/{server.pk}/connection/"

    html = client.get(url).content.decode()
    refused = [client.post(url, {button: "1"}).status_code for button in ("_save", "_next", "_test", "_refresh")]

    assert "but not change them" in html
    assert 'name="_save"' not in html
    assert refused == [403] * 4
    assert client.post(f"{BASE}/{server.pk}/look/").status_code == 403


@pytest.mark.req("S2-01", "S3-07")
@pytest.mark.parametrize("switch", ["publish", "pause", "resume"])
def test_publishing_and_pausing_need_a_permission_of_their_own(
    signed_in: SignIn, server: MailServer, switch: str
) -> None:
    client = signed_in("view_mailserver", "change_mailserver")

    assert client.post(f"{BASE}/{server.pk}/{switch}/").status_code == 403
    server.refresh_from_db()
    assert server.status == "active"


@pytest.mark.req("SE-04")
def test_a_lost_encryption_key_is_said_in_a_sentence(
    administrator: Client, server: MailServer, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    for page in ("connection/", "review/"):
        html = administrator.get(f"{BASE}/{server.pk}/{page}", follow=True).content.decode()
        assert "FIELD_ENCRYPTION_KEYS lacks the key" in html
    assert administrator.get("/admin/mailchannel/inboundmail/").status_code == 200


@pytest.mark.parametrize("switch", ["publish", "pause", "resume", "look"])
def test_a_link_changes_nothing(administrator: Client, server: MailServer, switch: str) -> None:
    assert administrator.get(f"{BASE}/{server.pk}/{switch}/").status_code == 405


@pytest.mark.parametrize("page", [*PAGES[:4], "change/"])
def test_a_mail_server_that_does_not_exist_is_not_found(administrator: Client, page: str) -> None:
    assert administrator.get(f"{BASE}/4711/{page}").status_code in (302, 404)
    assert administrator.post(f"{BASE}/4711/connection/", {"_save": "1"}).status_code == 404


def test_strangers_are_sent_to_the_login(client: Client, server: MailServer) -> None:
    for page in PAGES:
        assert "/admin/login/" in client.get(f"{BASE}/{server.pk}/{page}").headers["Location"]


def test_columns_that_are_not_on_the_page_cannot_be_posted(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    smuggled = {"status": "active", "reached": "3", "version": "99", "lease_owner": "me", "acceptance": "{}"}

    administrator.post(f"{BASE}/{draft.pk}/connection/", {**typed, **smuggled, "_save": "1"})

    draft.refresh_from_db()
    assert (draft.status, draft.reached, draft.version, draft.lease_owner) == ("draft", 1, 0, "")


@pytest.mark.req("AD-01")
def test_the_task_queue_has_no_pages(administrator: Client) -> None:
    assert not admin.site.is_registered(Schedule)
    assert administrator.get("/admin/django_q/schedule/").status_code == 404


def test_every_page_keeps_the_content_policy(administrator: Client, server: MailServer) -> None:
    mail = InboundMail.objects.create(
        server=server, transport="imap", remote_key="1", size=1, received_at=server.published_at
    )
    urls = [f"{BASE}/add/", *(f"{BASE}/{server.pk}/{page}" for page in PAGES)]
    urls.append(f"/admin/mailchannel/inboundmail/{mail.pk}/change/")

    for url in urls:
        html = administrator.get(url).content.decode()
        assert "<script>" not in html
        assert " onclick=" not in html
