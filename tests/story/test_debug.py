"""What a fetch writes down on request: enough to find a fault, no secret, no text of a mail, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from mailchannel.models import FetchRun, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import debug
from mailchannel.services.fetch import fetch
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.fixtures import NewMailbox
from tests.servers.mailbox import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True)]

PASSWORD = "correct-horse-battery"


@pytest.fixture
def mailbox(new_mailbox: NewMailbox) -> Mailbox:
    return new_mailbox(password=PASSWORD)


def logs() -> list[str]:
    return list(FetchRun.objects.order_by("pk").values_list("log", flat=True))


@pytest.mark.dovecot
@pytest.mark.req("S4-26")
def test_a_fetch_is_written_down_step_by_step(mailbox: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(mailbox)
    debug.begin(server, hours=1, by=agent)
    mailbox.deliver(letter(subject="Printer on fire", body="my private words", message_id="7@customer.example"))

    fetch(server)

    (log,) = logs()
    for told in (
        "open INBOX → epoch",
        "which mails are in INBOX → 1 mails",
        "subject: Printer on fire",
        "from: Ann Weber <ann@customer.example>",
        "message-id: <7@customer.example>",
        "gate.",
        ": pass",
        "→ opened (accepted.new)",
        "to Processed → moved",
    ):
        assert told in log
    assert "my private words" not in log


@pytest.mark.dovecot
@pytest.mark.req("S4-26")
def test_no_secret_is_ever_written_down(mailbox: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(mailbox)
    debug.begin(server, hours=1, by=agent)
    mailbox.deliver(letter(subject=f"my password is {PASSWORD}"))

    fetch(server)
    server.update(secrets=Secrets(password=f"{PASSWORD}-wrong"))
    fetch(server)

    with connection.cursor() as cursor:
        cursor.execute("SELECT log FROM mailchannel_fetchrun")
        stored = [row[0] for row in cursor.fetchall()]
    assert all(logs())
    assert PASSWORD not in " ".join(logs())
    assert not any("INBOX" in each or "password" in each for each in stored)


@pytest.mark.dovecot
@pytest.mark.req("S4-26")
def test_it_ends_by_itself(mailbox: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(mailbox)
    debug.begin(server, hours=1, by=agent)
    fetch(server)
    server.update(debug_until=timezone.now() - timedelta(seconds=1))
    fetch(server)

    written, not_written = logs()
    assert written and not not_written


@pytest.mark.req("S4-26")
def test_old_logs_are_emptied_and_young_ones_stay(new_server: NewServer) -> None:
    now = timezone.now()
    server = new_server(debug_until=now - timedelta(days=6))
    old, young = (FetchRun.objects.create(server=server, log=text) for text in ("old", "young"))
    FetchRun.objects.filter(pk=old.pk).update(started=now - timedelta(days=8))

    assert debug.forget_old() == 1
    assert logs() == ["", "young"]
    assert [run.pk for run in debug.logged_runs(server)] == [young.pk]

    FetchRun.objects.update(started=now - timedelta(days=8))
    MailServer.objects.update(debug_until=now - timedelta(days=8))
    assert debug.forget_old() == 1
    assert MailServer.objects.get().debug_until is None


def test_a_log_has_an_end(new_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = new_server(debug_until=timezone.now() + timedelta(hours=1))
    monkeypatch.setattr(debug, "LONGEST", 500)
    notes = debug.Notebook(server, FetchRun.objects.create(server=server))

    for _ in range(100):
        notes.write("x" * 90)
    notes.save()

    (log,) = logs()
    assert len(log) < 700
    assert log.endswith("The rest was left out.")


def test_logs_move_to_a_new_key(new_server: NewServer, settings: Any) -> None:
    FetchRun.objects.create(server=new_server(), log="seen and done")
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    settings.FIELD_ENCRYPTION_KEYS = [new]

    assert logs() == ["seen and done"]
