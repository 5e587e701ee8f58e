"""The ticket step: kind, offer and template, the mapping tables, and where tickets go."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from mailchannel.models import MailServer
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.services import drafts
from mailchannel.services.publish import NotReady, publish
from tests.admin.conftest import BASE
from tests.admin.typing import typed_ticket
from tickets.models import Department, Offer, Process, Service, TemplateField, TicketTemplate, TicketType

pytestmark = pytest.mark.slow

HTMX = {"HX-Request": "true"}


@pytest.fixture
def access(template: TicketTemplate) -> TicketTemplate:
    """A published template of service requests, and one that is not published."""
    kind = TicketType.objects.create(name="Access", module="request")
    TicketTemplate.objects.create(name="Later", ticket_type=kind, status="draft")
    return TicketTemplate.objects.create(name="Access request", ticket_type=kind, status="published")


@pytest.fixture
def step(before_ticket: MailServer) -> str:
    return f"{BASE}/{before_ticket.pk}/ticket/"


def listed(html: str, field: str) -> list[str]:
    """What a select offers."""
    found = re.search(rf'<select name="{field}".*?</select>', html, re.DOTALL)
    return re.findall(r">([^<>]+)</option>", found[0]) if found else []


def beside(html: str, field: str) -> str:
    return html.split(f'id="id_{field}_error">')[1].split("</p>")[0]


def refreshed(client: Client, url: str, typed: dict[str, Any], button: str = "1") -> str:
    return client.post(url, {**typed, "_refresh": button}, headers=HTMX).content.decode()


@pytest.mark.req("S0-27", "S0-44", "S1-27", "S2-05")
def test_only_published_templates_of_the_chosen_kind_are_listed(
    administrator: Client, step: str, access: TicketTemplate, template: TicketTemplate
) -> None:
    tickets = administrator.get(step).content.decode()
    requests = refreshed(administrator, step, {**typed_ticket(template), "route-module": "request"})

    assert listed(tickets, "template") == ["Choose one …", "Standard incident"]
    assert listed(requests, "template") == ["Choose one …", "Access request"]
    assert 'class="label must">What does a mail become?' in " ".join(tickets.split())


@pytest.mark.req("S2-05")
def test_a_template_of_the_other_kind_is_refused(
    administrator: Client, step: str, access: TicketTemplate, before_ticket: MailServer
) -> None:
    wrong = administrator.post(step, {**typed_ticket(access), "_next": "1"}).content.decode()
    missing = {key: value for key, value in typed_ticket(access).items() if key != "route-module"}
    without = administrator.post(step, {**missing, "_next": "1"}).content.decode()

    assert "it is of the other kind" in beside(wrong, "template")
    assert "required" in beside(without, "route-module")


@pytest.mark.req("S2-05")
def test_a_template_of_the_other_kind_is_not_published_either(ready: MailServer, access: TicketTemplate) -> None:
    ready.template = access
    ready.save()

    with pytest.raises(NotReady) as refused:
        publish(ready, by=None)

    assert "is of another kind" in refused.value.problems[0].text


@pytest.mark.req("S0-46", "S1-29")
def test_an_offer_gives_its_template_and_kind(
    administrator: Client, step: str, before_ticket: MailServer, access: TicketTemplate, template: TicketTemplate
) -> None:
    offer = Offer.objects.create(name="Get access", template=access)
    Offer.objects.create(name="Support", template=access, silent=True)

    page = administrator.get(step).content.decode()
    shown = refreshed(administrator, step, {**typed_ticket(template), "use_offer": str(offer.pk)})
    administrator.post(step, {**typed_ticket(template), "use_offer": str(offer.pk), "_save": "1"})

    before_ticket.refresh_from_db()
    assert listed(page, "use_offer") == ["— choose the template yourself", "Get access (Access request)"]
    assert f'<option value="{access.pk}" selected>' in shown and "Affected system" not in shown
    assert (before_ticket.template, before_ticket.routing["module"]) == (access, "request")


@pytest.mark.req("S0-31", "S0-32", "S0-46", "S1-29")
def test_the_silent_offer_is_named_linked_and_in_no_list(administrator: Client, ready: MailServer) -> None:
    Offer.objects.create(name="Shown", template=ready.template)
    before = " ".join(administrator.get(f"{BASE}/{ready.pk}/ticket/").content.decode().split())
    publish(ready, by=None)
    offer = Offer.objects.get(silent=True)

    after = administrator.get(f"{BASE}/{ready.pk}/ticket/").content.decode()
    link = f"/admin/tickets/offer/{offer.pk}/change/"
    lists = [administrator.get(f"/admin/tickets/offer/{query}").content.decode() for query in ("", "?q=Support")]

    assert "Publishing makes a silent offer “Support”" in before
    assert f'<a href="{link}">“Support”</a>' in after
    assert administrator.get(link).status_code == 200
    assert "Shown" in lists[0] and not [page for page in lists if link in page]


@pytest.mark.req("S0-27", "S2-05")
def test_after_publishing_kind_template_and_offer_are_fixed(
    administrator: Client, published: MailServer, access: TicketTemplate
) -> None:
    offer = Offer.objects.create(name="Get access", template=access)
    url = f"{BASE}/{published.pk}/ticket/"

    page = administrator.get(url).content.decode()
    changed = {**typed_ticket(access), "route-module": "request", "use_offer": str(offer.pk), "attach_email": "on"}
    administrator.post(url, {**changed, "_save": "1"})

    prepared = drafts.working_copy(published)
    assert "use_offer" not in page and re.search(r'<select name="route-module"[^>]*disabled', page)
    assert prepared.attach_email
    assert (prepared.template_id, prepared.routing["module"]) == (published.template_id, "ticket")


@pytest.mark.req("S0-47", "S0-50", "S1-30", "S1-33")
def test_required_fields_have_rows_and_optional_ones_are_added(
    administrator: Client, step: str, template: TicketTemplate, before_ticket: MailServer
) -> None:
    TemplateField.objects.create(template=template, key="floor", label="Floor", position=3)
    typed = typed_ticket(template)

    first = refreshed(administrator, step, typed)
    more = refreshed(administrator, step, {**typed, "add_field": "cost_centre"}, "add")
    filled = {**typed, "map-cost_centre-property": "sender_domain", "map-cost_centre-restricted": "on"}
    administrator.post(step, {**filled, "_save": "1"})

    assert "map-affected_system-property" in first and "map-cost_centre-property" not in first
    assert listed(first, "add_field") == ["Choose a field …", "Cost centre", "Floor"]
    assert "map-cost_centre-property" in more and listed(more, "add_field") == ["Choose a field …", "Floor"]
    row = before_ticket.mappings.get(field="cost_centre")
    assert (row.property, row.restricted) == ("sender_domain", True)
    assert "map-cost_centre-property" in administrator.get(step).content.decode()


@pytest.mark.req("S0-50", "S1-33")
def test_an_optional_row_is_removed_by_its_button(
    administrator: Client, published: MailServer, template: TicketTemplate
) -> None:
    published.mappings.create(field="cost_centre", default="4711", position=10)
    url = f"{BASE}/{published.pk}/ticket/"
    typed = {**typed_ticket(template), "map-cost_centre-property": "", "map-cost_centre-default": "4711"}

    page = refreshed(administrator, url, typed, "remove:cost_centre")
    kept = published.mappings.filter(field="cost_centre").exists()
    administrator.post(url, {**typed_ticket(template), "_save": "1"})
    publish(published, by=None)

    assert "map-cost_centre-property" not in page and kept
    assert not published.mappings.filter(field="cost_centre").exists()


@pytest.mark.req("S0-47", "S1-30")
def test_a_required_row_is_emptied_by_its_button_and_then_asks_to_be_filled(
    administrator: Client, step: str, template: TicketTemplate
) -> None:
    page = refreshed(administrator, step, typed_ticket(template), "remove:affected_system")
    without = {k: v for k, v in typed_ticket(template).items() if not k.startswith("map-affected_system")}
    refused = administrator.post(step, {**without, "_next": "1"}).content.decode()

    assert 'name="map-affected_system-default"' in page and 'value="unknown"' not in page
    assert "Affected system is required" in beside(refused, "map-affected_system-property")


@pytest.mark.req("S0-47", "S0-50")
@pytest.mark.parametrize(
    ("kind", "choices", "default", "complaint"),
    [
        ("number", [], "many", "is not a number"),
        ("date", [], "soon", "is not a date"),
        ("email", [], "nobody", "is not a mail address"),
        ("choice", ["red"], "green", "Select a valid choice"),
        ("boolean", [], "perhaps", "Select a valid choice"),
    ],
)
def test_a_default_has_to_fit_its_field(
    administrator: Client,
    step: str,
    template: TicketTemplate,
    kind: str,
    choices: list[str],
    default: str,
    complaint: str,
) -> None:
    TemplateField.objects.create(template=template, key="x", label="X", kind=kind, choices=choices)

    html = administrator.post(step, {**typed_ticket(template), "map-x-default": default, "_next": "1"}).content.decode()

    assert complaint in beside(html, "map-x-default")


@pytest.mark.req("S0-47", "S0-50")
def test_the_step_says_which_groups_see_and_change_restricted_fields(
    administrator: Client, step: str, template: TicketTemplate
) -> None:
    for name, permission in (("Readers", "view_restricted_fields"), ("Writers", "edit_restricted_fields")):
        Group.objects.create(name=name).permissions.add(Permission.objects.get(codename=permission))

    page = " ".join(administrator.get(step).content.decode().split())

    assert re.search(r"fields are seen by [^;]*Readers and changed by [^;]*Writers; superusers", page)


@pytest.mark.req("S0-48", "S0-49", "S1-31", "S1-32")
def test_mail_properties_files_and_the_whole_mail_are_mapped(
    administrator: Client, step: str, template: TicketTemplate, before_ticket: MailServer
) -> None:
    typed = {**typed_ticket(template), "route-priority_high": "urgent", "map-attachments-property": ""}

    administrator.post(step, {**typed, "attach_email": "on", "_save": "1"})

    before_ticket.refresh_from_db()
    rules = dict(before_ticket.mappings.values_list("field", "property"))
    assert (rules["title"], rules["description"], rules["requester"]) == ("subject", "body", "sender")
    assert rules["priority"] == "importance" and "attachments" not in rules
    assert before_ticket.attach_email and before_ticket.routing["priority_high"] == "urgent"


@pytest.fixture
def names(db: None) -> None:
    for model, name in ((Department, "Human Resources"), (Service, "HR Service"), (Process, "Employee onboarding")):
        model.objects.create(name=name)


@pytest.mark.req("S2-16", "S2-17", "S2-18", "S2-21", "S2-22", "S2-24")
def test_departments_services_and_processes_are_chosen_among_those_there_are(
    administrator: Client, step: str, template: TicketTemplate, before_ticket: MailServer, names: None
) -> None:
    before_ticket.aliases.create(address="hr@example.com")
    routing = {
        "route-department": "Human Resources",
        "route-service": "HR Service",
        "route-alias_departments": "HR@Example.com=Human Resources",
        "route-classify_services": "on",
        "route-service_words": "payroll ,salary = HR Service",
        "route-classify_processes": "on",
        "route-process_words": "new employee = Employee onboarding",
        "route-full_subject_match": "on",
    }

    page = administrator.get(step).content.decode()
    administrator.post(step, {**typed_ticket(template), **routing, "_save": "1"})

    before_ticket.refresh_from_db()
    stored = before_ticket.routing
    assert listed(page, "route-department") == ["— none", "Human Resources"]
    assert listed(page, "route-service") == ["— none", "HR Service"]
    assert stored["alias_departments"] == ["hr@example.com = Human Resources"]
    assert stored["service_words"] == ["payroll, salary = HR Service"]
    assert (stored["department"], stored["full_subject_match"]) == ("Human Resources", True)


@pytest.mark.req("S2-18", "S2-22", "S2-24")
@pytest.mark.parametrize(
    ("field", "lines", "complaint"),
    [
        ("alias_departments", "hr@example.com", "Write it like hr@example.com = Human Resources."),
        ("alias_departments", "hr = Human Resources", "“hr” is not a mail address"),
        ("alias_departments", "x@example.com = Human Resources", "Line 1: x@example.com is no address of this mailbox"),
        ("alias_departments", "support@example.com = Sales", "Line 1: there is no department “Sales”. Add it"),
        (
            "alias_departments",
            "support@example.com = Human Resources\nsupport@example.com = Human Resource",
            "Did you mean “Human Resources”?",
        ),
        ("service_words", "payroll = HR Service\nmail = Mail", "Line 2: there is no service “Mail”"),
        ("service_words", ", = HR Service", "has no word before the “=”"),
        ("process_words", "new employee", "Write it like payroll, salary = HR Service."),
        ("process_words", "new = Welcome", "Line 1: there is no process “Welcome”"),
    ],
)
def test_a_wrong_line_is_explained(
    administrator: Client,
    step: str,
    template: TicketTemplate,
    before_ticket: MailServer,
    names: None,
    field: str,
    lines: str,
    complaint: str,
) -> None:
    html = administrator.post(step, {**typed_ticket(template), f"route-{field}": lines, "_save": "1"}).content.decode()

    assert complaint in beside(html, f"route-{field}")
    before_ticket.refresh_from_db()
    assert not before_ticket.routing


@pytest.mark.req("S2-24")
@pytest.mark.parametrize(
    ("routing", "field", "text"),
    [
        ({"department": "Gone"}, "route-department", "there is no department “Gone”"),
        ({"service": "Gone"}, "route-service", "there is no service “Gone”"),
        (
            {"alias_departments": ["old@example.com = Human Resources"]},
            "route-alias_departments",
            "old@example.com is no address of this mailbox",
        ),
        ({"process_words": ["x = Gone"]}, "route-process_words", "Line 1: there is no process “Gone”"),
        ({"service_words": "x = y"}, "route-service_words", "this must be a list of texts"),
    ],
)
def test_broken_routing_is_not_published(
    ready: MailServer, names: None, routing: dict[str, Any], field: str, text: str
) -> None:
    ready.routing = routing
    ready.save()

    with pytest.raises(NotReady) as refused:
        publish(ready, by=None)

    assert [(each.step, each.field) for each in refused.value.problems] == [("ticket", field)]
    assert text in refused.value.problems[0].text


@pytest.mark.req("S2-16", "S2-22", "S2-24")
@pytest.mark.parametrize("kind", ["department", "service", "process"])
def test_the_catalogue_of_names_has_pages(administrator: Client, kind: str) -> None:
    administrator.post(f"/admin/tickets/{kind}/add/", {"name": "Night shift"})

    assert "Night shift" in administrator.get(f"/admin/tickets/{kind}/?q=night").content.decode()


def test_every_routing_setting_has_its_place_on_the_page(administrator: Client, step: str) -> None:
    page = administrator.get(step).content.decode()

    assert [spec.name for spec in ROUTING_SPECS if f'name="route-{spec.name}"' not in page] == []
