"""Walking the wizard as an administrator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from mailchannel.admin.connection import ConnectionStep
from mailchannel.models import MailServer
from tests.admin.conftest import BASE
from tests.admin.typing import typed_answers, typed_folders, typed_senders, typed_ticket
from tickets.models import Offer, TicketTemplate, TicketType


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.req("S0-02", "S0-11", "S0-12", "S0-13", "S0-14", "S1-01", "S1-05", "S2-14")
def test_a_new_mail_server_begins_with_sensible_proposals(administrator: Client) -> None:
    html = page(administrator, f"{BASE}/add/")

    assert 'value="993"' in html
    assert 'value="30000"' in html
    assert ">IMAP<" in html
    assert 'class="label must"' in html


@pytest.mark.req("S0-30", "S0-51", "S1-22", "S2-26")
def test_the_whole_walk_from_nothing_to_a_live_mail_server(
    administrator: Client, typed: dict[str, Any], template: TicketTemplate
) -> None:
    first = administrator.post(f"{BASE}/add/", {**typed, "_next": "1"})
    server = MailServer.objects.get()
    answer, visited = first, [first["Location"]]
    for typed_step in (typed_folders(), typed_senders(), typed_ticket(template), typed_answers()):
        answer = administrator.post(answer["Location"], {**typed_step, "_next": "1"})
        visited.append(answer["Location"])
    review = page(administrator, answer["Location"])
    administrator.post(f"{BASE}/{server.pk}/publish/")

    steps = ("folders", "senders", "ticket", "answers", "review")
    assert visited == [f"{BASE}/{server.pk}/{step}/" for step in steps]
    assert "Every minute we look into “INBOX” of support@example.com" in review
    assert "moves to “Processed”" in review
    server.refresh_from_db()
    assert server.status == "active"
    assert server.version == 1
    assert server.sync_start == server.published_at
    assert server.next_fetch_at is not None


@pytest.mark.req("S0-31", "S0-32", "S0-46", "S1-29")
def test_publishing_makes_the_silent_offer_once(administrator: Client, published: MailServer) -> None:
    administrator.post(f"{BASE}/{published.pk}/pause/")
    administrator.post(f"{BASE}/{published.pk}/resume/")

    offer = Offer.objects.get()
    assert offer.silent
    assert published.offer_id == offer.pk


@pytest.mark.req("S0-51", "S1-20", "S1-34")
def test_an_unfinished_draft_can_be_saved_and_is_taken_up_where_it_was_left(administrator: Client) -> None:
    saved = administrator.post(f"{BASE}/add/", {"name": "Later", "protocol": "imap", "_save": "1"})
    server = MailServer.objects.get()

    assert saved["Location"] == f"{BASE}/{server.pk}/connection/"
    assert server.status == "draft"
    assert administrator.get(f"{BASE}/{server.pk}/change/")["Location"] == f"{BASE}/{server.pk}/connection/"


@pytest.mark.req("S1-22")
def test_going_on_needs_every_required_field(administrator: Client) -> None:
    html = administrator.post(f"{BASE}/add/", {"name": "Later", "protocol": "imap", "_next": "1"}).content.decode()

    assert not MailServer.objects.exists()
    assert 'href="#id_host"' in html
    assert 'aria-invalid="true"' in html


@pytest.mark.req("S0-30")
@pytest.mark.parametrize("step", ["folders", "senders", "ticket", "answers", "review"])
def test_nobody_skips_ahead_past_a_step_that_is_not_done(administrator: Client, step: str) -> None:
    administrator.post(f"{BASE}/add/", {"name": "Later", "protocol": "imap", "_save": "1"})
    server = MailServer.objects.get()

    answer = administrator.get(f"{BASE}/{server.pk}/{step}/")
    administrator.post(f"{BASE}/{server.pk}/{step}/", {"_next": "1"})
    administrator.post(f"{BASE}/{server.pk}/publish/")

    assert answer["Location"] == f"{BASE}/{server.pk}/connection/"
    server.refresh_from_db()
    assert (server.reached, server.status) == (0, "draft")


@pytest.mark.req("S1-02", "S1-04", "S1-17")
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("host", "https://imap.example.com/", "is not a server name"),
        ("address", "support", "is not a mail address"),
        ("reply_to", "a@b@c", "is not a mail address"),
        ("skip_times", "2-4", "is not a time span"),
        ("port", "70000", "less than or equal to 65535"),
        ("timeout_ms", "10", "greater than or equal to 1000"),
    ],
)
def test_a_wrong_value_is_explained_at_its_field(
    administrator: Client, typed: dict[str, Any], field: str, value: str, complaint: str
) -> None:
    html = administrator.post(f"{BASE}/add/", {**typed, field: value, "_next": "1"}).content.decode()

    beside = html.split(f'id="id_{field}_error">')[1].split("</p>")[0]
    assert complaint in beside


@pytest.mark.req("S0-07", "S0-22", "S0-23", "S0-24", "S0-25", "S0-40", "S0-41", "S0-43", "S1-23", "S1-24", "S1-26")
def test_the_steps_keep_folders_domains_and_aliases(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    names = {"aliases": "HelpDesk@example.com; it@example.com"}
    folders = {"source": ["INBOX", "Customers\nSales"], "never_read": "Spam"}
    domains = {"allowed_domains": "Example.COM, bücher.example"}

    administrator.post(f"{BASE}/{draft.pk}/connection/", {**typed, **names, "_next": "1"})
    administrator.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), **folders, "_next": "1"})
    administrator.post(f"{BASE}/{draft.pk}/senders/", {**typed_senders(), **domains, "_next": "1"})

    assert [f.folder for f in draft.folders.filter(role="source")] == ["INBOX", "Customers", "Sales"]
    assert [f.folder for f in draft.folders.filter(role="never_read")] == ["Spam"]
    assert [row.domain for row in draft.domains.all()] == ["example.com", "xn--bcher-kva.example"]
    assert [row.address for row in draft.aliases.all()] == ["helpdesk@example.com", "it@example.com"]


@pytest.mark.req("S0-26", "S0-42", "S1-25", "S2-20", "S2-23")
def test_every_option_of_every_gate_can_be_set(administrator: Client, draft: MailServer) -> None:
    administrator.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), "_next": "1"})
    answers = {"accept-only_if_in_to": "on", "accept-blocked_senders": "Spam@Example.com\n*@ads.example"}

    administrator.post(f"{BASE}/{draft.pk}/senders/", {**typed_senders(), **answers, "_next": "1"})

    draft.refresh_from_db()
    assert draft.acceptance["only_if_in_to"] is True
    assert draft.acceptance["exclude_auto_replies"] is True
    assert draft.acceptance["blocked_senders"] == ["spam@example.com", "*@ads.example"]


def test_mail_cannot_be_moved_to_where_it_is_read_from(administrator: Client, draft: MailServer) -> None:
    response = administrator.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), "success": "inbox", "_next": "1"})

    assert "cannot be moved there" in response.content.decode()
    assert not draft.folders.exists()


def test_a_folder_name_cannot_carry_a_second_command(administrator: Client, draft: MailServer) -> None:
    answers = {"success": "Done\r\nA1 DELETE INBOX"}

    html = administrator.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), **answers, "_next": "1"}).content

    assert b"invisible characters" in html


@pytest.mark.req("S0-09", "S0-27", "S0-28", "S0-29", "S0-47", "S0-49", "S0-50", "S1-28", "S1-30", "S1-32", "S1-33")
def test_the_ticket_step_keeps_template_types_and_mapping(
    administrator: Client, before_ticket: MailServer, template: TicketTemplate
) -> None:
    incident = TicketType.objects.get()
    answers = {"whitelisted_types": [incident.pk], "attach_email": "on", "map-cost_centre-default": "4711"}

    administrator.post(
        f"{BASE}/{before_ticket.pk}/ticket/",
        {**typed_ticket(template), **answers, "map-affected_system-restricted": "on", "_next": "1"},
    )

    before_ticket.refresh_from_db()
    rules = {row.field: (row.property, row.default, row.restricted) for row in before_ticket.mappings.all()}
    assert before_ticket.template == template
    assert before_ticket.attach_email
    assert list(before_ticket.whitelisted_types.all()) == [incident]
    assert rules["title"] == ("subject", "", False)
    assert rules["affected_system"] == ("", "unknown", True)
    assert rules["cost_centre"] == ("", "4711", False)


@pytest.mark.req("S0-44", "S1-27")
def test_only_published_templates_are_offered(
    administrator: Client, before_ticket: MailServer, template: TicketTemplate
) -> None:
    unfinished = TicketTemplate.objects.create(name="Unfinished", ticket_type=template.ticket_type)

    html = page(administrator, f"{BASE}/{before_ticket.pk}/ticket/")
    refused = administrator.post(f"{BASE}/{before_ticket.pk}/ticket/", {"template": unfinished.pk, "_save": "1"})

    assert "Standard incident" in html
    assert "Unfinished" not in html
    assert "Select a valid choice" in refused.content.decode()


@pytest.mark.req("S1-30")
def test_a_required_field_nothing_fills_keeps_the_step_open(
    administrator: Client, before_ticket: MailServer, template: TicketTemplate
) -> None:
    answers = {**typed_ticket(template), "map-affected_system-default": "", "_next": "1"}

    html = administrator.post(f"{BASE}/{before_ticket.pk}/ticket/", answers).content.decode()

    assert "Affected system is required" in html
    before_ticket.refresh_from_db()
    assert before_ticket.reached == 3


@pytest.mark.req("S0-33")
def test_the_template_is_locked_once_published_and_the_page_says_why(
    administrator: Client, published: MailServer, template: TicketTemplate
) -> None:
    other = TicketTemplate.objects.create(name="Other", ticket_type=template.ticket_type, status="published")
    url = f"{BASE}/{published.pk}/ticket/"

    administrator.post(url, {**typed_ticket(other), "_save": "1"})

    published.refresh_from_db()
    assert published.template == template
    assert "Fixed since this mail server was first published" in page(administrator, url)


@pytest.mark.req("S3-01")
def test_the_mailbox_of_a_person_who_signs_in_is_refused(administrator: Client, typed: dict[str, Any]) -> None:
    User.objects.create_user("kim", email="Kim@example.com")

    response = administrator.post(f"{BASE}/add/", {**typed, "address": "kim@example.com", "_next": "1"})

    assert "belongs to a person who signs in here" in response.content.decode()


def test_saving_a_step_leaves_alone_what_the_worker_wrote_meanwhile(draft: MailServer, typed: dict[str, Any]) -> None:
    form = ConnectionStep({**typed, "fetch_every_minutes": "5"}, instance=MailServer.objects.get())
    assert form.is_valid()

    draft.update(lease_owner="worker", failures=2)
    form.save()

    draft.refresh_from_db()
    assert (draft.fetch_every_minutes, draft.lease_owner, draft.failures) == (5, "worker", 2)


def test_a_live_mail_server_cannot_be_saved_unfinished(administrator: Client, published: MailServer) -> None:
    administrator.post(f"{BASE}/{published.pk}/connection/", {"name": "Support", "protocol": "imap", "_save": "1"})

    published.refresh_from_db()
    assert published.connection["host"] == "127.0.0.1"


def test_a_mail_server_that_became_incomplete_is_not_resumed(administrator: Client, published: MailServer) -> None:
    administrator.post(f"{BASE}/{published.pk}/pause/")
    published.folders.all().delete()

    html = administrator.post(f"{BASE}/{published.pk}/resume/", follow=True).content.decode()

    published.refresh_from_db()
    assert published.status == "paused"
    assert "No folder to read mail from is chosen." in html
    assert f'href="{BASE}/{published.pk}/folders/#id_source"' in html


@pytest.mark.parametrize(
    ("field", "cause"),
    [("folders", "folders/#id_source"), ("password", "connection/#id_password"), ("", "connection/#id_host")],
)
def test_why_the_mailbox_could_not_be_read_leads_to_its_cause(
    administrator: Client, published: MailServer, field: str, cause: str
) -> None:
    published.update(failures=1, last_error="It could not be opened.", last_error_field=field)

    html = page(administrator, f"{BASE}/{published.pk}/answers/")

    assert f'href="{BASE}/{published.pk}/{cause}"' in html
    anchor = cause.partition("#")[2]
    assert f'id="{anchor}"' in page(administrator, f"{BASE}/{published.pk}/{cause}")


@pytest.mark.req("AD-09")
def test_the_history_names_what_changed_and_never_a_secret(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    change = {"fetch_every_minutes": "5", "password": "brand-new-secret", "_save": "1"}

    administrator.post(f"{BASE}/{published.pk}/connection/", {**typed, **change})

    history = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "fetch every (minutes): 1 → 5" in history
    assert "password (not shown)" in history
    assert "Published as version 1." in history
    assert "brand-new-secret" not in history
    assert typed["password"] not in history.split()


def test_a_changed_template_shows_its_fields_with_everything_that_was_typed(
    administrator: Client, before_ticket: MailServer, template: TicketTemplate
) -> None:
    answers = {"template": template.pk, "map-title-property": "sender_name", "_refresh": "1"}

    html = administrator.post(
        f"{BASE}/{before_ticket.pk}/ticket/", answers, headers={"HX-Request": "true"}
    ).content.decode()

    assert "Affected system" in html
    assert '<option value="sender_name" selected>' in html
    assert 'aria-invalid="true"' not in html


@pytest.mark.req("S2-02", "S3-06", "S0-35")
def test_the_list_adds_a_mail_server_and_edits_each_by_its_pencil(administrator: Client, published: MailServer) -> None:
    html = page(administrator, f"{BASE}/")

    assert f'href="{BASE}/add/">Add new mail server</a>' in html
    assert f'href="{BASE}/{published.pk}/connection/" aria-label="Edit Support"' in html


@pytest.mark.req("S2-02")
def test_whoever_may_not_add_is_offered_no_button(signed_in: Callable[..., Client]) -> None:
    assert "Add new mail server" not in page(signed_in("view_mailserver"), f"{BASE}/")


@pytest.mark.req("S3-18")
def test_a_step_can_be_saved_without_going_on(administrator: Client, draft: MailServer, typed: dict[str, Any]) -> None:
    answer = administrator.post(
        f"{BASE}/{draft.pk}/connection/", {**typed, "password": "", "max_tries": "7", "_save": "1"}
    )

    draft.refresh_from_db()
    assert answer["Location"] == f"{BASE}/{draft.pk}/connection/"
    assert (draft.max_tries, draft.reached) == (7, 1)
