"""An administrator in front of the wizard, and what they would type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from mailchannel.models import MailServer
from tests.admin.typing import typed_answers, typed_connection, typed_folders, typed_senders, typed_ticket
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate

BASE = "/admin/mailchannel/mailserver"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """How often somebody looked at a mailbox is remembered for a minute, also from one test to the next."""
    cache.clear()


@pytest.fixture
def administrator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("ada", "ada@corp.example"))  # no password: hashing one is slow
    return client


@pytest.fixture
def signed_in(client: Client, db: None) -> Callable[..., Client]:
    """`signed_in("view_mailserver")`: a member of staff with just these permissions."""

    def sign_in(*permissions: str) -> Client:
        person = User.objects.create_user("sam", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(person)
        return client

    return sign_in


@pytest.fixture
def typed(dovecot: Mailbox, smtp_sink: SmtpSink) -> dict[str, Any]:
    """The first step as an administrator fills it in for the test mailbox."""
    return typed_connection(dovecot, smtp_sink)


@pytest.fixture
def draft(administrator: Client, typed: dict[str, Any]) -> MailServer:
    """A mail server whose first step is done."""
    administrator.post(f"{BASE}/add/", {**typed, "_next": "1"})
    return MailServer.objects.get()


@pytest.fixture
def before_ticket(administrator: Client, draft: MailServer) -> MailServer:
    """A mail server whose next step is the ticket."""
    for step, typed in {"folders": typed_folders(), "senders": typed_senders()}.items():
        administrator.post(f"{BASE}/{draft.pk}/{step}/", {**typed, "_next": "1"})
    draft.refresh_from_db()
    return draft


@pytest.fixture
def ready(administrator: Client, before_ticket: MailServer, template: TicketTemplate) -> MailServer:
    """A mail server whose steps are all done, before it is published."""
    for step, typed in {"ticket": typed_ticket(template), "answers": typed_answers()}.items():
        administrator.post(f"{BASE}/{before_ticket.pk}/{step}/", {**typed, "_next": "1"})
    before_ticket.refresh_from_db()
    return before_ticket


@pytest.fixture
def published(administrator: Client, ready: MailServer) -> MailServer:
    administrator.post(f"{BASE}/{ready.pk}/publish/")
    ready.refresh_from_db()
    return ready
