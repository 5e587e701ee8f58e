"""Who may see and do what, and what nobody ever sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from mailchannel.admin import inbox
from mailchannel.models import (
    Alert,
    FetchRun,
    InboundMail,
    MailServer,
    OutboundMail,
    Proxy,
    RawMail,
    SettingsVersion,
)
from mailchannel.models.secrets import Secrets
from mailchannel.services.versions import document
from tests.admin.conftest import BASE
from tests.fixtures import NewServer
from tickets.api import Message, Opening, open_ticket

pytestmark = pytest.mark.slow

SignIn = Callable[..., Client]
SECRETS = {"password": "mailbox-secret-one", "sending.password": "sending-secret-two", "proxy": "proxy-secret-three"}
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


@pytest.mark.parametrize("switch", ["publish", "pause", "resume", "look", "copy"])
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


# --- Every page, for everybody ------------------------------------------------------------------

NOBODY: frozenset[str] = frozenset()
RUNNERS = frozenset({"runner"})  # look after the channel: the group of the channel administrators
LOOKERS = frozenset({"runner", "auditor"})  # auditors may look at settings, mail log and outbox
ROLES = ("runner", "auditor", "agent")

#: Name of the address, without `mailchannel_` → who is let in by GET, who by POST.
STEP = (LOOKERS, RUNNERS)
PAGE = (LOOKERS, LOOKERS)
SWITCH = (NOBODY, RUNNERS)
NEVER = (NOBODY, NOBODY)
RULES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "mailserver_changelist": PAGE,
    "mailserver_add": (RUNNERS, RUNNERS),
    "mailserver_change": PAGE,
    "mailserver_history": PAGE,
    "mailserver_delete": NEVER,
    **{f"mailserver_{step}": STEP for step in ("connection", "folders", "senders", "ticket", "answers")},
    **{f"mailserver_{switch}": SWITCH for switch in ("publish", "pause", "resume", "discard", "look", "restore")},
    **{f"mailserver_{switch}": SWITCH for switch in ("counts", "start", "copy")},
    "mailserver_review": PAGE,
    "mailserver_trial": STEP,
    "mailserver_counts": SWITCH,
    "mailserver_start": SWITCH,
    "mailserver_versions": PAGE,
    "mailserver_failed": PAGE,
    "mailserver_put_back": SWITCH,
    "mailserver_debug": SWITCH,
    "mailserver_reports": (RUNNERS, RUNNERS),
    "mailserver_fetch_log": (RUNNERS, RUNNERS),
    "inboundmail_changelist": PAGE,
    "inboundmail_csv": PAGE,
    "inboundmail_change": PAGE,
    "inboundmail_history": PAGE,
    "inboundmail_add": NEVER,
    "inboundmail_delete": NEVER,
    "inboundmail_original": (RUNNERS, RUNNERS),
    "inboundmail_source": (RUNNERS, RUNNERS),
    "inboundmail_allow": (RUNNERS, RUNNERS),
    "inboundmail_block": (RUNNERS, RUNNERS),
    **{f"inboundmail_{deed}": SWITCH for deed in ("judge", "accept", "restore")},
    "outboundmail_changelist": PAGE,
    "outboundmail_change": (LOOKERS, NOBODY),
    "outboundmail_history": PAGE,
    "outboundmail_add": NEVER,
    "outboundmail_delete": NEVER,
    "maildefaults_changelist": PAGE,
    "maildefaults_change": STEP,
    "maildefaults_history": PAGE,
    "maildefaults_add": NEVER,
    "maildefaults_delete": NEVER,
    **{f"mailserver_{switch}": SWITCH for switch in ("sign_in", "sign_out", "sign_in_as", "put_right")},
    "proxy_changelist": PAGE,
    "proxy_change": (LOOKERS, NOBODY),
    "proxy_history": PAGE,
    "proxy_add": NEVER,
    "proxy_delete": NEVER,
    "proxy_try": NEVER,
    "inbox": PAGE,
    "inbox_look": PAGE,
    **{f"inbox_{switch}": SWITCH for switch in ("open", "rotate", "retire", "revoke")},
    "alert_changelist": PAGE,
    "alert_read": (NOBODY, LOOKERS),
    "alert_read_all": (NOBODY, LOOKERS),
}


def addresses(patterns: Any, before: str = "/admin/") -> Iterator[tuple[str, str]]:
    """(name, pattern) of every named address of the channel; those of an inbox are not the admin's own."""
    for each in patterns:
        whole = before + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from addresses(each.url_patterns, whole)
        elif (each.name or "").startswith("mailchannel_"):
            yield each.name.removeprefix("mailchannel_"), whole


ADDRESSES = {
    **dict(addresses(admin.site.get_urls())),
    **{str(each.name): f"{BASE}/<int:pk>/inbox/{each.pattern}" for each in inbox.patterns},
}


@pytest.fixture
def filled(server: MailServer, client: Client) -> Callable[[str], str]:
    """`filled(name)`: the address with the rows this installation has."""
    ticket = open_ticket(Opening("Standard incident", "Printer", "anna@example.com", Message("It burns.")))
    mail = InboundMail.objects.create(
        server=server,
        transport="pipe",
        remote_key="1",
        sender="kim@evil.example",
        size=1,
        outcome="rejected",
        reason="rejected.domain",
        received_at=timezone.now(),
    )
    RawMail.objects.create(inbound=mail, sha256="0" * 64, data=RawMail.pack(b"From: kim@evil.example\r\n\r\nHello"))
    sent = OutboundMail.objects.create(
        server=server,
        ticket_id=ticket.ticket_id,
        message_id="a@b",
        recipients=["anna@example.com"],
        raw=b"",
        next_try_at=timezone.now(),
    )
    run = FetchRun.objects.create(server=server, log="* OK")
    alert = Alert.objects.create(server=server, kind="unreachable", text="It does not answer.")
    SettingsVersion.objects.create(server=server, number=1, document=document(server))
    proxy = Proxy.objects.create(name="Edge", host="proxy.example.com", secrets=Secrets(password=SECRETS["proxy"]))
    brought = MailServer.objects.create(name="Brought", protocol="forwarding", secrets=Secrets(SECRETS))
    keys = {
        "mailserver": server.pk,
        "inboundmail": mail.pk,
        "outboundmail": sent.pk,
        "alert": alert.pk,
        "proxy": proxy.pk,
        "inbox": brought.pk,
    }

    def fill(name: str) -> str:
        key = keys.get(name.partition("_")[0], 1)
        # A consent belongs to one person, so there is none that every role may speak of.
        values = {"pk": key, "object_id": key, "number": 1, "run": run.pk, "purpose": "reading", "consent": 4711}
        return re.sub(r"<\w+:(\w+)>", lambda found: str(values[found[1]]), ADDRESSES[name])

    return fill


def test_every_address_of_the_channel_has_a_rule() -> None:
    """Whoever adds a page says here who may see it and who may press its buttons."""
    assert set(ADDRESSES) == set(RULES)


@pytest.mark.req("S2-01", "S4-01")
@pytest.mark.parametrize("role", ROLES)
def test_everybody_is_let_in_where_the_rules_say_and_nowhere_else(
    role: str, signed_in: SignIn, filled: Callable[[str], str], groups: None
) -> None:
    client = signed_in()
    group = {"runner": "Channel administrator", "agent": "Agent", "auditor": "Auditor"}.get(role)
    if group:
        User.objects.get(username="sam").groups.add(Group.objects.get(name=group))

    wrong = []
    for name, allowed in RULES.items():
        for method, roles in zip((client.get, client.post), allowed, strict=True):
            point = transaction.savepoint()
            status = method(filled(name)).status_code
            transaction.savepoint_rollback(point)
            if (status not in (403, 405)) != (role in roles):
                wrong.append(f"{method.__name__} {name}: {status}")

    assert wrong == []


def test_a_stranger_comes_nowhere(client: Client, filled: Callable[[str], str]) -> None:
    for name in RULES:
        for answer in (client.get(filled(name)), client.post(filled(name))):
            assert "/admin/login/" in answer.headers["Location"]


@pytest.mark.req("S1-14", "S1-11", "SE-01")
def test_no_address_of_the_channel_shows_a_secret(administrator: Client, filled: Callable[[str], str]) -> None:
    seen = 0
    for name in RULES:
        answer = administrator.get(filled(name))
        html = b"".join(answer) if answer.streaming else answer.content
        seen += answer.status_code == 200
        for secret in SECRETS.values():
            assert secret.encode() not in html, name

    assert seen > len(RULES) / 3
