"""Somebody else publishes, or begins a draft, between reading a form and writing it: trying a mailbox takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.test import Client, RequestFactory

from mailchannel.admin import wizard
from mailchannel.admin.connection import ConnectionStep
from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts, inbox, publish
from tests.fixtures import NewServer


def interrupted(server: MailServer, typed: dict[str, Any], meanwhile: Callable[[], object], rf: RequestFactory) -> Any:
    """Saves what was typed; before it is written, somebody else does something to the mail server."""

    class Step(ConnectionStep):
        def changes(self) -> list[str]:
            meanwhile()
            return super().changes()

    request = rf.post("/", {**typed, "_save": "1"})
    request.user = User.objects.get(username="ada")
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return wizard._save(admin.site._registry[MailServer], request, MailServer.objects.get(pk=server.pk), Step)


def test_a_draft_somebody_begins_meanwhile_never_lends_its_password_to_another_server(
    published: MailServer, typed: dict[str, Any], rf: RequestFactory
) -> None:
    def begin() -> None:
        draft = drafts.begin(published)
        draft.update(connection={**draft.connection, "host": "imap.example.com"}, secrets=Secrets(password="theirs"))

    answer = interrupted(published, {**typed, "password": "", "fetch_every_minutes": "5"}, begin, rf)

    assert answer.status_code == 200
    assert "never sent somewhere else" in str(answer.context_data["form"].errors["password"])
    draft = drafts.draft_of(published)
    assert draft is not None
    assert draft.connection["host"] == "imap.example.com"


def test_an_edit_saved_while_somebody_publishes_becomes_a_draft(
    published: MailServer, typed: dict[str, Any], rf: RequestFactory
) -> None:
    drafts.begin(published).update(max_tries=7)
    edit = {**typed, "password": "", "max_tries": "7", "fetch_every_minutes": "5"}

    answer = interrupted(published, edit, lambda: publish.publish(published, by=None), rf)

    published.refresh_from_db()
    draft = drafts.draft_of(published)
    assert answer.status_code == 302
    assert draft is not None
    assert (published.version, published.max_tries, published.fetch_every_minutes) == (2, 7, 1)
    assert (draft.max_tries, draft.fetch_every_minutes) == (7, 5)


def test_a_first_publication_meanwhile_keeps_an_edit_out_of_what_is_in_force(
    ready: MailServer, typed: dict[str, Any], rf: RequestFactory
) -> None:
    edit = {**typed, "password": "", "fetch_every_minutes": "5"}

    interrupted(ready, edit, lambda: publish.publish(ready, by=None), rf)

    ready.refresh_from_db()
    draft = drafts.draft_of(ready)
    assert draft is not None
    assert (ready.fetch_every_minutes, draft.fetch_every_minutes) == (1, 5)


def test_a_secret_taken_back_while_an_edit_is_saved_stays_taken_back(
    administrator: Client, new_server: NewServer, rf: RequestFactory
) -> None:
    server = new_server(protocol="forwarding", connection={"door": "raw"}, status="draft")
    secret = inbox.open_up(server, by=None)
    typed = {"name": "Support", "address": "support@example.com", "protocol": "forwarding", "door": "raw"}

    answer = interrupted(server, {**typed, "timeout_ms": "7000"}, lambda: inbox.revoke(server, by=None), rf)

    server = MailServer.objects.get(pk=server.pk)
    assert (answer.status_code, server.timeout_ms) == (302, 7000)
    assert inbox.has_secret(server)
    assert not inbox.knows(server, secret)
