"""Rows most tests begin with."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection

from mailchannel.models import FolderMapping, InboundMail, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services.push import accept
from mailchannel.services.settle import settle
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TemplateField, TicketTemplate, TicketType

Role = FolderMapping.Role
NewServer = Callable[..., MailServer]
Receive = Callable[[bytes], InboundMail]

MAPPING = {
    "title": "subject",
    "description": "body",
    "requester": "sender",
    "priority": "importance",
    "attachments": "attachments",
}


#: Migration that makes or equips the groups → its function.
ROLES = {
    "tickets.migrations.0002_agents": "add_group",
    "mailchannel.migrations.0002_roles": "add_groups",
    "mailchannel.migrations.0004_defaults_for_roles": "grant",
    "mailchannel.migrations.0007_routing_for_roles": "grant",
    "mailchannel.migrations.0009_roles_for_proxies": "grant",
}


@pytest.fixture
def template(db: None) -> TicketTemplate:
    """A published template with one required and one optional field of its own."""
    incident = TicketType.objects.create(name="Incident")
    template = TicketTemplate.objects.create(name="Standard incident", ticket_type=incident, status="published")
    TemplateField.objects.create(
        template=template, key="affected_system", label="Affected system", required=True, position=1
    )
    TemplateField.objects.create(template=template, key="cost_centre", label="Cost centre", position=2)
    return template


@pytest.fixture
def agent(db: None) -> User:
    return User.objects.create_superuser("mara", "mara@example.com", "a long passphrase")


@pytest.fixture
def new_server(template: TicketTemplate) -> NewServer:
    """`new_server(mailbox, sink=…, acceptance={…})`: a published mail server for support@example.com."""

    def make(mailbox: Mailbox | None = None, *, sink: SmtpSink | None = None, **columns: Any) -> MailServer:
        connection_settings = dict(mailbox.settings) if mailbox else {}
        password = connection_settings.pop("password", "")
        sending = dict(sink.settings) if sink else {}
        sending.pop("password", None)
        defaults: dict[str, Any] = {
            "name": "Support",
            "status": MailServer.Status.ACTIVE,
            "address": "support@example.com",
            "connection": connection_settings,
            "secrets": Secrets(password=password),
            "sending": sending,
            "timeout_ms": 5000,
            "template": template,
            "confirmation": {"send_confirmation": False},
        }
        server = MailServer.objects.create(**{**defaults, **columns})
        folders = {Role.SOURCE: "INBOX", Role.SUCCESS: "Processed", Role.FAIL: "Failed", Role.EXCLUSION: "Ignored"}
        for role, folder in folders.items():
            server.folders.create(role=role, folder=folder)
        for position, (field, source) in enumerate(MAPPING.items()):
            server.mappings.create(field=field, property=source, position=position)
        server.mappings.create(field="affected_system", default="unknown", position=9)
        return server

    return make


@pytest.fixture
def receive(server: MailServer) -> Receive:
    """`receive(raw)`: what became of the mail. Which mail server takes it in, a fixture `server` of the tests says."""

    def take_in(raw: bytes) -> InboundMail:
        row = accept(server, raw, transport="forwarding").row
        settle(server)
        row.refresh_from_db()
        return row

    return take_in


@pytest.fixture
def command_environment() -> dict[str, str]:
    """Environment under which `manage.py` in a process of its own works on the test's database."""
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        account = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
        url = f"postgres://{account}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url}


@pytest.fixture
def groups(db: None) -> None:
    """There from the migrations, unless a test that needs real transactions has emptied the tables before this one."""
    schema_editor = SimpleNamespace(connection=connection)
    for module, function in ROLES.items():
        getattr(import_module(module), function)(apps, schema_editor)
