"""“Make a copy”: another mail server with the same settings, and only one of the two live for a mailbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from mailchannel.models import Alert, MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.services import alerts, drafts
from mailchannel.services.copying import free_name
from mailchannel.services.lint import lint
from mailchannel.services.settings_document import exported_server
from tests.admin.conftest import BASE
from tests.admin.typing import typed_connection, typed_ticket
from tests.fixtures import NewServer
from tests.servers.fixtures import NewMailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate

pytestmark = pytest.mark.slow


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def make_copy(client: Client, server: MailServer) -> MailServer:
    client.post(f"{BASE}/{server.pk}/copy/")
    return MailServer.objects.latest("pk")


@pytest.fixture
def request_template(template: TicketTemplate) -> TicketTemplate:
    """Another template with the same fields."""
    other = TicketTemplate.objects.create(name="Request", ticket_type=template.ticket_type, status="published")
    for field in template.fields.all():
        field.pk, field.template = None, other
        field.save()
    return other


@pytest.mark.req("S0-33")
def test_the_way_to_another_template_is_a_copy(
    administrator: Client, published: MailServer, template: TicketTemplate, request_template: TicketTemplate
) -> None:
    html = page(administrator, f"{BASE}/{published.pk}/ticket/")
    assert f'<a href="{BASE}/{published.pk}/review/#copy">make a copy</a>' in html
    assert 'id="copy"' in page(administrator, f"{BASE}/{published.pk}/review/")

    answer = administrator.post(f"{BASE}/{published.pk}/copy/")
    made = MailServer.objects.get(name="Support (copy)")
    assert answer["Location"] == f"{BASE}/{made.pk}/ticket/"
    administrator.post(answer["Location"], {**typed_ticket(request_template), "_next": "1"})
    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"})

    made.refresh_from_db()
    published.refresh_from_db()
    assert (made.status, made.template, made.version) == ("active", request_template, 1)
    assert (published.status, published.template) == ("paused", template)


def test_every_setting_is_copied_and_nothing_of_the_past(administrator: Client, published: MailServer) -> None:
    published.domains.create(domain="customer.example")
    published.aliases.create(address="it@example.com")
    published.alert_to.set([User.objects.get(username="ada")])
    published.whitelisted_types.set([published.template.ticket_type])  # type: ignore[union-attr]
    published.update(
        acceptance={"blocked_senders": ["spam@example.com"]}, skip_times=["02:00-04:00"], failures=2, last_error="No.",
        last_success_at=timezone.now(), debug_until=timezone.now(), test_findings=[{"text": "x"}],
        inbox_token="k" * 24, first_arrival_at=timezone.now(), push_since=timezone.now(), push_error="Not now.",
        subscription=Secrets(id="s"),
    )  # fmt: skip
    alerts.ring(published, Alert.Kind.UNREACHABLE, "It does not answer.")

    made = make_copy(administrator, published)

    before, after = exported_server(published), exported_server(made)
    differing = {key for key in before if before[key] != after[key]}
    assert differing == {"name", "status", "connection"}
    assert after["connection"] == {**before["connection"], "sync_start": None}
    assert made.secrets == published.secrets
    fresh = MailServer()
    chosen = {"id", "reached", *drafts.COLUMNS}
    untouched = {field.attname for field in MailServer._meta.concrete_fields} - chosen
    assert {name: getattr(made, name) for name in untouched} == {name: getattr(fresh, name) for name in untouched}
    assert not made.versions.exists()
    assert not made.inbound.exists()
    assert not Alert.objects.filter(server=made).exists()


def test_somebody_has_to_sign_in_for_the_copy_and_the_review_says_so(
    administrator: Client, published: MailServer
) -> None:
    """A refresh token is used once: a copy that used it, too, would end the sign-in of the original."""
    application = {"client_id": "helpdesk", "token_url": "https://sign.example.com/token"}
    kept = {"password": "pass", "oauth.client_secret": "c", "sending-oauth.client_secret": "s"}
    pasted = {"oauth.refresh_token": "once", "sending-oauth.refresh_token": "once too"}
    published.update(auth="oauth", oauth=application, sending_oauth=application, secrets=Secrets({**kept, **pasted}))
    SignIn.objects.create(server=published, state=SignIn.State.CONNECTED, tokens=Secrets(refresh="lasting"))

    made = make_copy(administrator, published)

    assert (made.oauth, made.sending_oauth, dict(made.secrets)) == (application, application, kept)
    assert not made.sign_ins.exists()
    assert dict(published.sign_ins.get().tokens) == {"refresh": "lasting"}
    review = page(administrator, f"{BASE}/{made.pk}/review/")
    assert "Nobody has signed in at sign.example.com: no mail is read until somebody does." in review


SIGNED_IN = {"auth": "oauth", "oauth": {"client_id": "helpdesk", "token_url": "https://sign.example.com/token"}}
BY_ITSELF = {
    "auth": "oauth",
    "oauth": {**SIGNED_IN["oauth"], "grant": "application"},
    "secrets": Secrets({"oauth.client_secret": "s"}),
}


@pytest.mark.parametrize(("columns", "told"), [(SIGNED_IN, True), (BY_ITSELF, False), ({}, False)])
def test_whoever_copies_is_told_that_nobody_is_signed_in(
    administrator: Client, published: MailServer, columns: dict[str, Any], *, told: bool
) -> None:
    published.update(**columns)

    html = administrator.post(f"{BASE}/{published.pk}/copy/", follow=True).content.decode()

    assert ("Nobody is signed in to it yet: sign in on its Connection page" in html) == told


def test_the_review_page_says_what_a_copy_does_not_get(administrator: Client, published: MailServer) -> None:
    html = page(administrator, f"{BASE}/{published.pk}/review/")

    assert "passwords included, but not its sign-in and not an inbox's address" in " ".join(html.split())


def test_a_change_in_the_copy_does_not_reach_back(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    before = exported_server(published)
    made = make_copy(administrator, published)

    change = {**typed, "name": "Sales", "password": "another", "aliases": "sales@example.com", "_save": "1"}
    assert administrator.post(f"{BASE}/{made.pk}/connection/", change).status_code == 302
    made.folders.all().delete()

    published = MailServer.objects.get(pk=published.pk)
    assert exported_server(published) == before
    assert published.secrets["password"] == typed["password"]


def test_unpublished_changes_are_not_in_the_copy_and_the_page_says_so(
    administrator: Client, published: MailServer
) -> None:
    drafts.begin(published).update(fetch_every_minutes=7)

    html = administrator.post(f"{BASE}/{published.pk}/copy/", follow=True).content.decode()

    assert "The changes that are not published yet are not in it." in html
    assert MailServer.objects.latest("pk").fetch_every_minutes == 1


def test_both_histories_tell_of_the_copy(administrator: Client, published: MailServer) -> None:
    made = make_copy(administrator, published)

    said = LogEntry.objects.filter(user__username="ada").values_list("object_id", "change_message", "action_flag")
    assert (str(made.pk), "Made as a copy of “Support”.", 1) in said
    assert (str(published.pk), "Copied as “Support (copy)”.", 2) in said
    assert not any("secret" in message for _, message, _ in said)


@pytest.mark.parametrize(
    ("name", "taken", "free"),
    [
        ("Support", [], "Support (copy)"),
        ("Support", ["Support (copy)"], "Support (copy 2)"),
        ("Support (copy)", ["Support", "Support (copy)"], "Support (copy 2)"),
        ("Support (copy 2)", ["Support (copy)", "Support (copy 2)"], "Support (copy 3)"),
        ("Support (copyright)", [], "Support (copyright) (copy)"),
        ("S" * 100, ["S" * 93 + " (copy)"], "S" * 91 + " (copy 2)"),
    ],
)
def test_a_copy_has_a_name_of_its_own(name: str, taken: list[str], free: str) -> None:
    assert free_name(name, taken) == free


def test_a_copy_of_an_unfinished_draft_is_as_unfinished(administrator: Client, draft: MailServer) -> None:
    answer = administrator.post(f"{BASE}/{draft.pk}/copy/")

    made = MailServer.objects.get(name="Support (copy)")
    assert answer["Location"] == f"{BASE}/{made.pk}/folders/"
    assert made.reached == draft.reached == 1


@pytest.mark.req("S2-01")
def test_copying_needs_the_permission_to_add(signed_in: Callable[..., Client], new_server: NewServer) -> None:
    server = new_server(published_at=timezone.now())
    editor = signed_in("view_mailserver", "change_mailserver", "publish_mailserver")

    assert "Make a copy" not in page(editor, f"{BASE}/{server.pk}/review/")
    assert editor.post(f"{BASE}/{server.pk}/copy/").status_code == 403
    assert MailServer.objects.count() == 1


def test_whoever_may_not_publish_may_copy_all_the_same(signed_in: Callable[..., Client], new_server: NewServer) -> None:
    server = new_server(published_at=timezone.now())
    adder = signed_in("view_mailserver", "add_mailserver")

    assert f'action="{BASE}/{server.pk}/copy/"' in page(adder, f"{BASE}/{server.pk}/review/")
    adder.post(f"{BASE}/{server.pk}/copy/")
    assert MailServer.objects.count() == 2


def test_passwords_no_key_opens_are_not_copied_but_told(
    administrator: Client, published: MailServer, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    html = administrator.post(f"{BASE}/{published.pk}/copy/", follow=True).content.decode()

    assert "FIELD_ENCRYPTION_KEYS lacks the key" in html
    assert MailServer.objects.count() == 1


def test_the_copied_password_goes_nowhere_else(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    made = make_copy(administrator, published)
    elsewhere = {**typed, "name": "Sales", "host": "imap.other.example", "password": "", "_next": "1"}

    html = administrator.post(f"{BASE}/{made.pk}/connection/", elsewhere).content.decode()

    assert "Not saved yet" in html
    made.refresh_from_db()
    assert made.connection["host"] == published.connection["host"]


# --- One mailbox, two mail servers --------------------------------------------------------------


def test_a_copy_is_not_published_beside_the_live_one(administrator: Client, published: MailServer) -> None:
    made = make_copy(administrator, published)

    html = administrator.post(f"{BASE}/{made.pk}/publish/", follow=True).content.decode()

    assert "Not yet: “Support” reads INBOX of the same account, and only one of the two may" in html
    made.refresh_from_db()
    assert (made.status, made.published_at) == ("draft", None)


def test_the_review_page_offers_to_publish_one_and_switch_off_the_other(
    administrator: Client, published: MailServer
) -> None:
    made = make_copy(administrator, published)

    html = page(administrator, f"{BASE}/{made.pk}/review/")

    assert "Publish and switch off “Support”" in html
    assert "It goes on where the other stops" in html
    assert "Publish and start reading" not in html
    assert "to mend before" not in html
    assert not any("“Support”" in each.text for each in lint(made))

    told = administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"}, follow=True).content.decode()
    assert "Support (copy) is live." in told
    assert "“Support” is paused." in told
    assert "reads this mailbox already" not in told
    messages = list(LogEntry.objects.filter(object_id=published.pk).values_list("change_message", flat=True))
    assert "Paused." in messages


def test_the_other_is_not_resumed_while_the_copy_is_live(administrator: Client, published: MailServer) -> None:
    made = make_copy(administrator, published)
    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"})

    review = page(administrator, f"{BASE}/{published.pk}/review/")
    html = administrator.post(f"{BASE}/{published.pk}/resume/", follow=True).content.decode()

    assert "“Support (copy)” reads this mailbox already" in " ".join(review.split())
    assert "Not yet: “Support (copy)” reads INBOX of the same account" in html
    published.refresh_from_db()
    assert published.status == "paused"
    administrator.post(f"{BASE}/{made.pk}/pause/")
    administrator.post(f"{BASE}/{published.pk}/resume/")
    published.refresh_from_db()
    assert published.status == "active"


def test_an_original_switched_off_before_is_taken_over_unless_the_tick_is_removed(
    administrator: Client, published: MailServer
) -> None:
    start = published.sync_start
    administrator.post(f"{BASE}/{published.pk}/pause/")
    made, other = make_copy(administrator, published), make_copy(administrator, published)

    html = page(administrator, f"{BASE}/{made.pk}/review/")
    assert 'name="take_over" form="switches" checked' in html
    assert "Publish and start reading" in html
    published.update(sync_start=start.replace(year=2025))  # type: ignore[union-attr]
    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "on"})
    administrator.post(f"{BASE}/{made.pk}/pause/")
    administrator.post(f"{BASE}/{other.pk}/publish/")

    made.refresh_from_db()
    other.refresh_from_db()
    assert made.sync_start == start.replace(year=2025)  # type: ignore[union-attr]
    assert other.sync_start >= start  # type: ignore[operator]


def test_a_start_date_of_its_own_counts(administrator: Client, published: MailServer) -> None:
    made = make_copy(administrator, published)
    own = timezone.now().replace(year=2026, month=1, day=5, microsecond=0)
    made.update(sync_start=own)

    assert "Mail from 5 Jan 2026" in page(administrator, f"{BASE}/{made.pk}/review/")
    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"})

    made.refresh_from_db()
    assert made.sync_start == own


@pytest.mark.parametrize("last_fetch_over", [False, True])
def test_nobody_takes_over_in_the_middle_of_a_fetch(
    administrator: Client, published: MailServer, *, last_fetch_over: bool
) -> None:
    made = make_copy(administrator, published)
    minute = timedelta(minutes=-1 if last_fetch_over else 1)
    published.update(lease_owner="worker", lease_until=timezone.now() + minute)

    html = administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"}, follow=True).content.decode()

    made.refresh_from_db()
    published.refresh_from_db()
    assert (made.status, published.status) == (("active", "paused") if last_fetch_over else ("draft", "active"))
    assert ("“Support” is still taking in mail from INBOX" in html) is not last_fetch_over


def test_a_copy_for_another_mailbox_disturbs_nobody_and_begins_with_new_mail(
    administrator: Client, published: MailServer, new_mailbox: NewMailbox, smtp_sink: SmtpSink
) -> None:
    made = make_copy(administrator, published)
    published.update(sync_start=timezone.now() - timedelta(days=300))
    sales = {"name": "Sales", "address": "sales@example.com", "_next": "1"}
    typed = typed_connection(new_mailbox(username="sales"), smtp_sink)
    assert administrator.post(f"{BASE}/{made.pk}/connection/", {**typed, **sales}).status_code == 302

    html = page(administrator, f"{BASE}/{made.pk}/review/")
    assert "Publish and start reading" in html
    assert "reads this mailbox" not in " ".join(html.split())
    assert "has been read before" not in html
    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "on"})

    made.refresh_from_db()
    published.refresh_from_db()
    assert (made.status, published.status) == ("active", "active")
    assert made.sync_start == made.published_at


def test_folders_apart_may_be_read_by_two(administrator: Client, published: MailServer) -> None:
    made = make_copy(administrator, published)
    made.folders.filter(role="source").update(folder="Sales")

    administrator.post(f"{BASE}/{made.pk}/publish/")

    made.refresh_from_db()
    assert made.status == "active"


def test_a_draft_beside_the_live_one_is_remarked_on_and_a_paused_one_is_not(
    administrator: Client, published: MailServer
) -> None:
    made = make_copy(administrator, published)
    shared = [each.text for each in lint(published) if "Support (copy)" in each.text]
    assert shared == ["“User name”: “Support (copy)”, a draft, is to read INBOX of the same account. Only one of the two can be live."]  # fmt: skip

    administrator.post(f"{BASE}/{made.pk}/publish/", {"take_over": "1"})

    for one, other in ((published, made), (made, published)):
        one.refresh_from_db()
        assert not any(f"“{other.name}”" in each.text for each in lint(one))
