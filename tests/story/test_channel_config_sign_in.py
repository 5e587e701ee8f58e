"""Settings as code: what the stored secret of an application brings is shown to no other server."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mailchannel.models import MailServer
from mailchannel.services import drafts, versions
from mailchannel.services.rollback import restore
from tests.story.settings_file import applied, refused

pytestmark = [pytest.mark.django_db, pytest.mark.req("SS-05")]

BY_ITSELF = """\
mail_servers:
  - name: Cloud
    auth: oauth_microsoft
    address: support@example.com
    oauth: {tenant: example.onmicrosoft.com, client_id: app, grant: application}
    connection: {host: outlook.office365.com}
    sending: {host: smtp.example.com}
"""
APPLICATION_SECRET = '    secrets: {oauth_client_secret: {value: "of the app"}}\n'
TO_ANOTHER = "what a stored secret brings would be shown to another server"


def test_tokens_an_application_gets_by_itself_are_shown_to_no_other_server() -> None:
    applied(BY_ITSELF + APPLICATION_SECRET)
    assert applied(BY_ITSELF) == []

    elsewhere = BY_ITSELF.replace("outlook.office365.com", "imap.example.com")
    newly = BY_ITSELF.replace("    sending:", "    sending_auth: oauth_microsoft\n    sending:")

    assert f"mail_servers[0].oauth: {TO_ANOTHER}" in refused(elsewhere)
    assert f"mail_servers[0].oauth: {TO_ANOTHER}" in refused(newly)
    applied(elsewhere + APPLICATION_SECRET)
    by_person = elsewhere.replace("grant: application", "grant: person")
    assert "the application, who signs in or where changes" in refused(by_person)


def test_nor_are_those_of_a_pasted_refresh_token() -> None:
    by_person = BY_ITSELF.replace("grant: application", "grant: person")
    applied(by_person + APPLICATION_SECRET)
    applied(elsewhere := by_person.replace("outlook.office365.com", "imap.example.com"))
    applied(elsewhere + '    secrets: {oauth_refresh_token: {value: "pasted"}}\n')

    assert f"mail_servers[0].oauth: {TO_ANOTHER}" in refused(by_person)


def test_nor_by_going_back_to_an_earlier_version() -> None:
    applied(BY_ITSELF + APPLICATION_SECRET)
    server = MailServer.objects.get()
    server.update(published_at=timezone.now())
    version = versions.record(server, by=None)

    assert restore(version, by=None).secrets

    drafts.discard(server, by=None)
    server.update(connection={**server.connection, "host": "imap.example.com"})
    assert not restore(version, by=None).secrets
