"""Secrets at rest: encrypted, never searched or shown, and moved to a new key without typing them again."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.utils import timezone

from mailchannel.models import Consent, ErrorReport, FetchRun, InboundMail, MailServer, Proxy, SignIn
from mailchannel.models.secrets import Secrets, SecretUnreadable
from mailchannel.services import drafts
from mailchannel.services.fetch import fetch
from mailchannel.services.schedule import claim_due
from tests.fixtures import NewServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    server = new_server(connection={"host": "imap.example.com"})
    server.secrets["password"] = "correct horse"
    server.save()
    return server


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM mailchannel_mailserver")
        return str(cursor.fetchone()[0])


@pytest.mark.req("S1-11", "S1-14")
def test_a_secret_is_nowhere_in_clear(server: MailServer) -> None:
    assert "correct horse" not in stored()
    assert "correct horse" not in repr(server.secrets) + str(vars(server))
    assert "correct horse" not in serializers.serialize("json", MailServer.objects.all())
    with pytest.raises(TypeError, match="cannot be searched"):
        MailServer.objects.filter(secrets__contains="horse").exists()


@pytest.mark.req("S1-38")
def test_secrets_move_to_a_new_key_and_the_old_one_can_go(server: MailServer, settings: Any) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    settings.FIELD_ENCRYPTION_KEYS = [new]

    assert MailServer.objects.get().secrets == {"password": "correct horse"}


def columns() -> set[str]:
    """Every column of ours that is stored encrypted."""
    fields = (field for model in apps.get_models() for field in model._meta.local_fields)
    return {field_name(field) for field in fields if type(field).__module__ == "mailchannel.models.secrets"}


def field_name(field: Any) -> str:
    return f"{field.model.__name__}.{field.name}"


@pytest.fixture
def everything(server: MailServer, agent: User) -> dict[str, models.Model]:
    """A row for each of them. Whoever adds a column adds its row here."""
    draft = drafts.begin(server)
    draft.update(secrets=Secrets(word="MailServer.secrets"), subscription=Secrets(word="MailServer.subscription"))
    mail = InboundMail.objects.create(
        server=server, transport="imap", remote_key="1", size=1, received_at=timezone.now()
    )
    soon = {"server": server, "purpose": "reading"}
    return {
        "MailServer.secrets": draft,
        "MailServer.subscription": draft,
        "Proxy.secrets": Proxy.objects.create(name="Edge", host="p.example", secrets=Secrets(word="Proxy.secrets")),
        "SignIn.tokens": SignIn.objects.create(**soon, tokens=Secrets(word="SignIn.tokens")),
        "Consent.flow": Consent.objects.create(**soon, user=agent, flow=Secrets(word="Consent.flow")),
        "ErrorReport.text": ErrorReport.objects.create(inbound=mail, text="ErrorReport.text"),
        "FetchRun.log": FetchRun.objects.create(server=server, log="FetchRun.log"),
    }


@pytest.mark.req("S1-38")
def test_no_encrypted_column_is_forgotten(everything: dict[str, models.Model], settings: Any) -> None:
    assert set(everything) == columns()
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    settings.FIELD_ENCRYPTION_KEYS = [new]

    for name, row in everything.items():
        value = getattr(type(row)._base_manager.get(pk=row.pk), name.partition(".")[2])
        assert value in (name, {"word": name})


def test_whose_secret_nobody_can_read_is_said(server: MailServer, settings: Any) -> None:
    key = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    Proxy.objects.create(name="Edge", host="proxy.example.com", secrets=Secrets(password="of the proxy"))
    settings.FIELD_ENCRYPTION_KEYS = key

    with pytest.raises(CommandError, match="proxy “Edge”: .*FIELD_ENCRYPTION_KEYS.* Nothing was changed"):
        call_command("rotate_secrets")


def test_a_missing_key_is_named_and_nothing_is_changed(server: MailServer, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    before = stored()

    with pytest.raises(CommandError, match="FIELD_ENCRYPTION_KEYS"):
        call_command("rotate_secrets")
    server = MailServer.objects.get()
    with pytest.raises(SecretUnreadable):
        dict(server.secrets)
    with pytest.raises(SecretUnreadable), transaction.atomic():
        server.save()
    assert stored() == before


def test_an_unreadable_secret_is_shown_on_its_mail_server_and_stops_no_other(server: MailServer, settings: Any) -> None:
    key = settings.FIELD_ENCRYPTION_KEYS
    MailServer.objects.update(next_fetch_at=None)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert claim_due() == [server.pk]
    report = fetch(MailServer.objects.get())

    shown = MailServer.objects.get()
    assert "FIELD_ENCRYPTION_KEYS" in report.error
    assert (shown.last_error, shown.last_error_field) == (report.error, "password")
    settings.FIELD_ENCRYPTION_KEYS = key
    assert MailServer.objects.get().secrets == {"password": "correct horse"}
