"""Who did what, with old and new value, as one can read it."""

from __future__ import annotations

import html as markup
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import audit
from mailchannel.services.config_file import apply, read
from tests.admin.conftest import BASE
from tests.admin.typing import typed_senders
from tests.fixtures import NewServer

pytestmark = pytest.mark.slow

WORDS = (
    FieldSpec("most", "Most", Kind.INTEGER, default=1),
    FieldSpec("words", "Words", Kind.LINES, default=()),
    FieldSpec("open", "Open", Kind.SWITCH, default=False),
    FieldSpec("key", "Key", Kind.SECRET),
)


def said() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_every_difference_has_its_old_and_its_new_value_and_no_secret() -> None:
    before = {"most": 1, "words": ["a"], "open": False, "key": "old-secret"}
    after = {"most": 2, "words": ["a", "b"], "open": True, "key": "new-secret"}

    assert audit.differences(WORDS, before, after) == [
        "most: 1 → 2",
        "words: a → a, b",
        "open: no → yes",
        "key: changed",
    ]
    assert audit.differences(WORDS, {"words": ()}, {"words": [], "most": None}) == []


@pytest.mark.req("AD-09", "S1-41")
def test_a_step_of_the_wizard_names_each_field_with_old_and_new(administrator: Client, published: MailServer) -> None:
    typed = {**typed_senders(), "allowed_domains": "example.org", "accept-blocked_senders": "eve@evil.example"}

    administrator.post(f"{BASE}/{published.pk}/senders/", {**typed, "_save": "1"})

    message = said()[-1]
    assert message.startswith("Prepared ")
    assert "domains: nothing → example.org" in message
    assert "blocked senders: nothing → eve@evil.example" in message


@pytest.mark.req("AD-09")
def test_a_settings_file_is_recorded_as_done_by_no_person(new_server: NewServer, tmp_path: Path) -> None:
    mailbox = {"host": "imap.example.com", "port": 993, "encryption": "tls", "username": "support"}
    server = new_server(connection=mailbox)
    server.update(secrets=type(server.secrets)(password="old-secret"), published_at="2026-01-01T00:00:00Z")
    text = """
mail_servers:
  - name: Support
    connection: {fetch_every_minutes: 7}
    accept: {blocked_senders: ["eve@evil.example"]}
    secrets: {password: {value: new-secret}}
"""

    apply(read(text, folder=tmp_path))

    entry = LogEntry.objects.latest("pk")
    assert (entry.user.username, entry.user.is_active, entry.user.has_usable_password()) == (
        "command or worker",
        False,
        False,
    )
    assert "connection › fetch every minutes: 1 → 7" in entry.change_message
    assert "accept › blocked senders: nothing → eve@evil.example" in entry.change_message
    assert "secrets: changed" in entry.change_message
    assert "secret-" not in entry.change_message and "-secret" not in entry.change_message
    apply(read(text, folder=tmp_path))
    assert LogEntry.objects.latest("pk") == entry


@pytest.mark.req("AD-09")
def test_the_history_of_a_mail_server_can_be_read(administrator: Client, published: MailServer) -> None:
    typed: dict[str, Any] = {**typed_senders(), "allowed_domains": "example.org", "_save": "1"}
    administrator.post(f"{BASE}/{published.pk}/senders/", typed)
    administrator.post(f"{BASE}/{published.pk}/publish/")
    administrator.post(f"{BASE}/{published.pk}/pause/")

    html = markup.unescape(administrator.get(f"{BASE}/{published.pk}/history/").content.decode())

    assert "What: old → new" in html
    assert html.index("Added.") > 0
    for line in ("domains: nothing → example.org", "Published as version 2", "Paused."):
        assert line in html
    assert "<td>ada</td>" in html


@pytest.mark.req("AD-09")
def test_nobody_signs_in_as_nobody(client: Client, new_server: NewServer) -> None:
    for _ in range(2):
        audit.record(new_server(name=f"Box {LogEntry.objects.count()}"), by=None, message="Done.")

    nobody = User.objects.get(username=audit.NO_PERSON)
    client.post("/login/", {"username": nobody.username, "password": "!"})
    assert "_auth_user_id" not in client.session
    assert LogEntry.objects.filter(user=nobody).count() == 2


def test_what_is_done_with_a_mail_stands_in_its_history(administrator: Client, new_server: NewServer) -> None:
    server = new_server(published_at="2026-01-01T00:00:00Z")
    mail = InboundMail.objects.create(
        server=server,
        transport="pipe",
        remote_key="1",
        size=1,
        received_at=server.published_at,
        sender="k@evil.example",
    )
    audit.record(mail, by=User.objects.get(), message="Accepted it: rejected.domain → accepted.released.")

    html = administrator.get(f"/admin/mailchannel/inboundmail/{mail.pk}/history/").content.decode()

    assert "Accepted it: rejected.domain → accepted.released." in html
