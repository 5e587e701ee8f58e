"""The next settings of a published mail server wait in a draft; every publication is kept and can be taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.models import Alert, FetchRun, MailServer, SettingsVersion
from mailchannel.services import alerts, drafts, file_settings, publish
from mailchannel.services.config import freeze
from mailchannel.services.fetch import fetch
from mailchannel.services.lease import hold
from tests.admin.conftest import BASE
from tests.admin.typing import typed_folders, typed_senders
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tickets.models import TicketTemplate

pytestmark = pytest.mark.slow


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def edit(client: Client, server: MailServer, step: str, typed: dict[str, Any]) -> None:
    response = client.post(f"{BASE}/{server.pk}/{step}/", {**typed, "_save": "1"})
    assert response.status_code == 302, response.context["form"].errors


@pytest.mark.req("S4-39")
def test_an_edit_of_a_live_mail_server_waits_until_it_is_published(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})

    published.refresh_from_db()
    assert (published.fetch_every_minutes, published.version, published.status) == (1, 1, "active")
    assert 'value="5"' in page(administrator, f"{BASE}/{published.pk}/connection/")
    assert "Changes not published yet" in page(administrator, f"{BASE}/{published.pk}/review/")

    administrator.post(f"{BASE}/{published.pk}/publish/")

    published.refresh_from_db()
    assert (published.fetch_every_minutes, published.version, published.status) == (5, 2, "active")
    assert drafts.draft_of(published) is None
    assert "Changes not published yet" not in page(administrator, f"{BASE}/{published.pk}/review/")


def test_lists_and_secrets_of_a_draft_take_effect_with_it(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "senders", {**typed_senders(), "allowed_domains": "example.org"})
    start = {"sync_start_0": "2026-01-01", "sync_start_1": "00:00:00"}
    folders = {"source": "INBOX\nSales", "trouble-stop_after": "7", **start}
    edit(administrator, published, "folders", {**typed_folders(), **folders})
    edit(administrator, published, "connection", {**typed, "aliases": "it@example.com", "password": "a new one"})

    assert freeze(published).allowed_domains == ()
    assert freeze(drafts.working_copy(published)).allowed_domains == ("example.org",)
    assert published.secrets["password"] == typed["password"]

    administrator.post(f"{BASE}/{published.pk}/publish/")

    published = MailServer.objects.get()
    assert freeze(published).allowed_domains == ("example.org",)
    assert freeze(published).aliases == ("it@example.com",)
    assert [row.folder for row in published.folders.filter(role="source")] == ["INBOX", "Sales"]
    assert published.secrets["password"] == "a new one"
    assert published.secrets_set_at is not None
    assert published.trouble["stop_after"] == 7


def test_a_draft_is_no_mail_server_of_its_own(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})
    draft = drafts.draft_of(published)
    assert draft is not None

    assert list(MailServer.objects.all()) == [published]
    assert freeze(draft).other_mailboxes == frozenset()
    assert administrator.get(f"{BASE}/{draft.pk}/review/").status_code == 404
    assert page(administrator, f"{BASE}/").count("support@example.com") == 1


def test_saving_what_stands_there_already_makes_no_draft(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "password": ""})

    assert drafts.draft_of(published) is None


def test_text_of_several_lines_saved_as_it_stands_makes_no_draft(administrator: Client, published: MailServer) -> None:
    published.update(confirmation={**published.confirmation, "confirmation_text": "Thank you.\n\n  {number}"})
    as_browsers_send_it = {"confirm-confirmation_text": "Thank you.\r\n\r\n  {number}"}

    edit(administrator, published, "answers", {"confirm-send_confirmation": "on", **as_browsers_send_it})
    assert drafts.draft_of(published) is None


def test_text_of_several_lines_holds_nothing_nobody_sees(administrator: Client, published: MailServer) -> None:
    typed = {"confirm-confirmation_text": "Thank you.\r\n\x07", "_save": "1"}

    html = administrator.post(f"{BASE}/{published.pk}/answers/", typed).content.decode()

    assert "invisible characters other than line breaks" in html


def test_a_mistake_in_a_live_mail_server_makes_no_draft(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    html = administrator.post(
        f"{BASE}/{published.pk}/connection/", {**typed, "port": "70000", "_save": "1"}
    ).content.decode()

    assert "less than or equal to 65535" in html
    assert drafts.draft_of(published) is None


def test_a_draft_can_be_discarded(administrator: Client, published: MailServer, typed: dict[str, Any]) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})

    administrator.post(f"{BASE}/{published.pk}/discard/")

    assert MailServer.everything.count() == 1
    assert 'value="5"' not in page(administrator, f"{BASE}/{published.pk}/connection/").split("fetch_every")[1][:200]


def test_whoever_may_not_publish_can_discard_all_the_same(
    published: MailServer, signed_in: Callable[..., Client]
) -> None:
    drafts.begin(published)
    editor = signed_in("view_mailserver", "change_mailserver")

    html = page(editor, f"{BASE}/{published.pk}/review/")
    way = re.search(rf'<form[^>]*\saction="({BASE}/{published.pk}/discard/)"', html)

    assert way and 'id="switches"' not in html
    editor.post(way[1])
    assert drafts.draft_of(published) is None


def test_a_mail_server_is_paused_and_resumed_while_its_draft_waits(
    administrator: Client, published: MailServer
) -> None:
    drafts.begin(published)
    review = f"{BASE}/{published.pk}/review/"

    assert f'formaction="{BASE}/{published.pk}/pause/"' in page(administrator, review)
    administrator.post(f"{BASE}/{published.pk}/pause/")
    assert f'formaction="{BASE}/{published.pk}/resume/"' in page(administrator, review)
    administrator.post(f"{BASE}/{published.pk}/resume/")

    published.refresh_from_db()
    assert (published.status, published.version) == ("active", 1)
    assert drafts.draft_of(published) is not None


def test_a_mail_server_that_was_never_used_is_deleted_with_all_that_hangs_on_it(
    administrator: Client, published: MailServer
) -> None:
    drafts.begin(published)
    alerts.ring(published, Alert.Kind.SECRET_AGE, "Change it.")

    administrator.post(f"{BASE}/{published.pk}/delete/", {"post": "yes"})

    assert not MailServer.everything.exists()
    assert not SettingsVersion.objects.exists()
    assert not Alert.objects.exists()


def test_a_draft_is_not_published_while_its_template_is_not(
    administrator: Client, published: MailServer, typed: dict[str, Any], template: TicketTemplate
) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})
    template.status = TicketTemplate.Status.DRAFT
    template.save()

    html = administrator.post(f"{BASE}/{published.pk}/publish/", follow=True).content.decode()

    assert "The template “Standard incident” is not published." in html
    published.refresh_from_db()
    assert (published.version, published.status, published.fetch_every_minutes) == (1, "active", 1)
    assert drafts.draft_of(published) is not None


def test_a_draft_that_cannot_work_is_not_published(administrator: Client, published: MailServer) -> None:
    drafts.begin(published).folders.all().delete()

    html = administrator.post(f"{BASE}/{published.pk}/publish/", follow=True).content.decode()

    assert "No folder to read mail from is chosen." in html
    published.refresh_from_db()
    assert published.version == 1
    assert published.folders.filter(role="source").exists()


@pytest.mark.req("S4-39")
def test_whoever_publishes_may_keep_fetching_off_until_it_is_switched_on_by_hand(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})
    with hold(published.pk):
        assert "a fetch is running" in page(administrator, f"{BASE}/{published.pk}/review/")

    html = administrator.post(f"{BASE}/{published.pk}/publish/", {"rest": "on"}, follow=True).content.decode()

    published.refresh_from_db()
    assert (published.status, published.fetch_every_minutes) == ("paused", 5)
    assert "stays paused until you resume it" in html
    administrator.post(f"{BASE}/{published.pk}/resume/")
    published.refresh_from_db()
    assert published.status == "active"


def test_publishing_leaves_a_paused_mail_server_paused(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    administrator.post(f"{BASE}/{published.pk}/pause/")
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})

    administrator.post(f"{BASE}/{published.pk}/publish/")

    published.refresh_from_db()
    assert (published.status, published.version) == ("paused", 2)


@pytest.mark.req("S4-39")
def test_a_running_fetch_stops_when_its_settings_are_published_anew(
    administrator: Client, published: MailServer, typed: dict[str, Any], dovecot: Mailbox
) -> None:
    published.update(sync_start=None)
    for number in range(60):  # more than one batch
        dovecot.deliver(letter(subject=f"Mail {number}"))
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5"})

    def publish_meanwhile(done: int, total: int) -> None:
        publish.publish(MailServer.objects.get(), by=None)

    report = fetch(published, progress=publish_meanwhile)

    assert 0 < report.fetched < 60
    assert not report.error
    assert FetchRun.objects.count() == 1
    assert fetch(MailServer.objects.get()).fetched == 60 - report.fetched


def test_every_publication_is_kept_with_who_and_what(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "fetch_every_minutes": "5", "password": "brand-new"})
    administrator.post(f"{BASE}/{published.pk}/publish/")

    assert [row.number for row in SettingsVersion.objects.all()] == [2, 1]
    html = page(administrator, f"{BASE}/{published.pk}/versions/")
    assert "connection › fetch every minutes" in html
    assert "by ada" in html
    assert "brand-new" not in html
    assert "brand-new" not in str(SettingsVersion.objects.values_list("document", flat=True))
    history = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "Published as version 2: connection › fetch every minutes: 1 → 5" in history


def test_an_earlier_version_comes_back_as_a_draft(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "senders", {**typed_senders(), "allowed_domains": "example.org"})
    administrator.post(f"{BASE}/{published.pk}/publish/")

    administrator.post(f"{BASE}/{published.pk}/versions/1/restore/")

    assert freeze(MailServer.objects.get()).allowed_domains == ("example.org",)
    administrator.post(f"{BASE}/{published.pk}/publish/")
    published = MailServer.objects.get()
    assert freeze(published).allowed_domains == ()
    assert published.version == 3
    versions = {row.number: row.document for row in SettingsVersion.objects.all()}
    assert versions[3] == versions[1]
    assert published.secrets["password"] == typed["password"]


def test_an_earlier_version_comes_back_after_its_template_was_renamed(
    administrator: Client, published: MailServer, template: TicketTemplate
) -> None:
    template.name = "Incident of today"
    template.save()

    html = administrator.post(f"{BASE}/{published.pk}/versions/1/restore/", follow=True).content.decode()

    assert "Version 1 is your draft now." in html


def test_the_newest_version_is_in_force_after_the_system_defaults_changed(
    administrator: Client, published: MailServer
) -> None:
    file_settings.save_system_wide({"attachment_max_mb": 7}, by=None)

    html = page(administrator, f"{BASE}/{published.pk}/versions/")

    assert "In force" in html
    assert "Take version 1 back" not in html


def test_going_back_to_another_account_does_not_send_it_todays_password(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    edit(administrator, published, "connection", {**typed, "username": "somebody", "password": "theirs"})
    administrator.post(f"{BASE}/{published.pk}/publish/")

    administrator.post(f"{BASE}/{published.pk}/versions/1/restore/")

    draft = drafts.draft_of(MailServer.objects.get())
    assert draft is not None
    assert draft.connection["username"] == typed["username"]
    assert "password" not in draft.secrets
    html = administrator.post(f"{BASE}/{published.pk}/publish/", follow=True).content.decode()
    assert "Password is missing" in html


def test_a_version_that_does_not_fit_any_more_says_why(administrator: Client, published: MailServer) -> None:
    version = SettingsVersion.objects.get()
    version.document["ticket"]["mapping"].append({"field": "gone", "default": "x"})
    version.document["reply_to"] = "other@example.com"
    version.save()
    SettingsVersion.objects.create(server=published, number=2, document=version.document)

    html = administrator.post(f"{BASE}/{published.pk}/versions/1/restore/", follow=True).content.decode()

    assert "no field “gone”" in html
    assert drafts.draft_of(published) is None
