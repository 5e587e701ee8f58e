"""A ticket's details at the desk: who sees and changes what, where it belongs, and lists narrowed to that."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import Client

from tests.pages.conftest import NewTicket
from tickets import services
from tickets.models import Department, Process, Service, TemplateField, Ticket, TicketTemplate

SECRET = "Zebra-4711"


@pytest.fixture
def secretive(new_ticket: NewTicket) -> Ticket:
    """Its field “Cost centre” is restricted."""
    return new_ticket(fields={"affected_system": "VPN", "cost_centre": SECRET}, restricted=["cost_centre"])


def may(agent: User, *permissions: str) -> None:
    """By a group, as an administrator gives permissions."""
    group = Group.objects.create(name="Finance people")
    group.permissions.set(Permission.objects.filter(codename__in=permissions))
    agent.groups.add(group)


def content(desk: Client, address: str) -> str:
    return " ".join(desk.get(address).content.decode().split())


def change(desk: Client, ticket: Ticket, **typed: Any) -> Any:
    """What the page's form sends, with what it showed."""
    page = desk.get(f"/tickets/{ticket.number}/").content.decode()
    shown = dict(re.findall(r'type="hidden" name="(initial-[^"]*)" value="([^"]*)"', page))
    same = {name.removeprefix("initial-"): value for name, value in shown.items()}
    return desk.post(f"/tickets/{ticket.number}/details/", {**shown, **same, **typed})


@pytest.mark.req("S0-47", "S0-50", "S1-30", "S1-33")
def test_without_permission_a_restricted_value_is_nowhere(desk: Client, agent: User, secretive: Ticket) -> None:
    boss = User.objects.create_superuser("boss")
    boss_desk = Client()
    boss_desk.force_login(boss)
    change(boss_desk, secretive, **{"own-cost_centre": f"{SECRET}-new"})

    seen = [content(desk, f"/tickets/{secretive.number}/{query}") for query in ("", "?all")]
    seen += [content(desk, "/?q=Zebra"), content(desk, "/?view=open")]

    assert not [page for page in seen if SECRET in page]
    assert "restricted</span>" in seen[0] and "Cost centre changed (restricted)" in seen[0]
    assert "own-cost_centre" not in seen[0]
    assert "Nothing found for “Zebra”" in seen[2]
    assert f"{SECRET}-new" in content(boss_desk, f"/tickets/{secretive.number}/")


@pytest.mark.req("S0-47", "S0-50")
def test_the_administration_does_not_show_restricted_values(agent: User, secretive: Ticket) -> None:
    agent.is_staff = True
    agent.save()
    agent.user_permissions.add(Permission.objects.get(codename="view_ticket"))
    client = Client()
    client.force_login(agent)

    assert SECRET not in content(client, f"/admin/tickets/ticket/{secretive.pk}/change/")


@pytest.mark.req("S0-47", "S0-50")
@pytest.mark.parametrize(
    ("page", "way"),
    [
        ("tickets/ticket", "fields__cost_centre"),
        ("tickets/ticket", "related__fields__cost_centre"),
        ("tickets/ticket", "events__data__changes__0__is"),
        ("tickets/contact", "tickets__fields__cost_centre"),
        ("tickets/department", "tickets__fields__cost_centre"),
        ("mailchannel/inboundmail", "ticket__fields__cost_centre"),
    ],
)
def test_no_list_of_the_administration_tells_a_restricted_value(agent: User, page: str, way: str) -> None:
    agent.is_staff = True
    agent.save()
    looks = ("view_ticket", "view_contact", "view_department", "view_inboundmail")
    agent.user_permissions.set(Permission.objects.filter(codename__in=looks))
    client = Client()
    client.force_login(agent)

    assert client.get(f"/admin/{page}/").status_code == 200
    assert client.get(f"/admin/{page}/", {f"{way}__startswith": "Z"}).status_code == 400


@pytest.mark.req("S0-47", "S0-50", "S1-30", "S1-33")
def test_a_group_may_see_restricted_fields_and_not_change_them(desk: Client, agent: User, secretive: Ticket) -> None:
    may(agent, "view_restricted_fields")

    page = content(desk, f"/tickets/{secretive.number}/")
    change(desk, secretive, **{"own-cost_centre": "mine", "initial-own-cost_centre": SECRET})

    secretive.refresh_from_db()
    assert SECRET in page and "own-cost_centre" not in page
    assert secretive.fields["cost_centre"] == SECRET


@pytest.mark.req("S0-47", "S0-50", "S1-30", "S1-33")
def test_a_group_may_change_restricted_fields(desk: Client, agent: User, secretive: Ticket) -> None:
    may(agent, "view_restricted_fields", "edit_restricted_fields")

    change(desk, secretive, **{"own-cost_centre": "4712"})

    secretive.refresh_from_db()
    assert secretive.fields == {"affected_system": "VPN", "cost_centre": "4712"}
    assert f"Cost centre: {SECRET} → 4712, by Mara Kim" in content(desk, f"/tickets/{secretive.number}/")


@pytest.mark.req("S0-50")
def test_who_may_change_and_not_see_can_do_neither(desk: Client, agent: User, secretive: Ticket) -> None:
    may(agent, "edit_restricted_fields")

    change(desk, secretive, **{"own-cost_centre": "mine", "initial-own-cost_centre": SECRET})

    secretive.refresh_from_db()
    assert secretive.fields["cost_centre"] == SECRET
    assert SECRET not in content(desk, f"/tickets/{secretive.number}/")


KINDS: list[tuple[str, list[str], str, Any]] = [
    ("text", [], "x", "x"),
    ("paragraph", [], "a\r\nb", "a\nb"),
    ("number", [], "4", 4),
    ("number", [], "4.5", 4.5),
    ("date", [], "2026-03-04", "2026-03-04"),
    ("boolean", [], "False", False),
    ("choice", ["red", "blue"], "blue", "blue"),
    ("email", [], "Ann@Customer.example", "ann@customer.example"),
]


@pytest.mark.parametrize(("kind", "choices", "typed", "stored"), KINDS)
def test_every_kind_of_field_is_stored_as_mail_fills_it(
    desk: Client,
    new_ticket: NewTicket,
    template: TicketTemplate,
    kind: str,
    choices: list[str],
    typed: str,
    stored: Any,
) -> None:
    TemplateField.objects.create(template=template, key="x", label="X", kind=kind, choices=choices)
    ticket = new_ticket()

    change(desk, ticket, **{"own-x": typed})
    ticket.refresh_from_db()
    filled = ticket.fields.get("x")
    change(desk, ticket, **{"own-x": ""})
    ticket.refresh_from_db()

    assert (filled, type(filled)) == (stored, type(stored))
    assert "x" not in ticket.fields


def test_what_does_not_fit_is_said_beside_its_field(
    desk: Client, new_ticket: NewTicket, template: TicketTemplate
) -> None:
    TemplateField.objects.create(template=template, key="x", label="X", kind="number")
    ticket = new_ticket(fields={"affected_system": "VPN"})

    wrong = change(desk, ticket, **{"own-x": "many"})
    emptied = change(desk, ticket, **{"own-affected_system": ""})

    assert wrong.status_code == emptied.status_code == 422
    assert "Enter a number." in wrong.content.decode() and "This field is required." in emptied.content.decode()
    assert not ticket.events.filter(kind="details").exists()


def test_only_what_an_agent_changed_is_written(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(fields={"affected_system": "VPN", "cost_centre": "1"})
    stale = {"initial-own-affected_system": "VPN", "own-affected_system": "VPN"}
    change(desk, ticket, **{"own-affected_system": "Mail"})

    desk.post(f"/tickets/{ticket.number}/details/", {**stale, "initial-own-cost_centre": "1", "own-cost_centre": "2"})

    ticket.refresh_from_db()
    assert ticket.fields == {"affected_system": "Mail", "cost_centre": "2"}


def test_nothing_changed_is_no_history(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(fields={"affected_system": "VPN"})

    change(desk, ticket)

    assert not ticket.events.filter(kind="details").exists()


@pytest.mark.req("S2-16", "S2-22", "S2-24")
def test_agents_see_and_change_where_a_ticket_belongs(desk: Client, new_ticket: NewTicket) -> None:
    hr, mail, onboarding = (
        model.objects.create(name=name) for model, name in ((Department, "HR"), (Service, "Mail"), (Process, "Welcome"))
    )
    ticket = new_ticket(department="HR", service="Mail", process="gone")

    before = content(desk, f"/tickets/{ticket.number}/")
    change(desk, ticket, department="", process=str(onboarding.pk))
    after = content(desk, f"/tickets/{ticket.number}/")

    ticket.refresh_from_db()
    assert "<dt>Department</dt><dd>HR</dd>" in before and "<dt>Service</dt><dd>Mail</dd>" in before
    assert "<dt>Process</dt>" not in before
    assert (ticket.department, ticket.service, ticket.process) == (None, mail, onboarding)
    assert "Department: HR → –; Process: – → Welcome" in after
    assert change(desk, ticket, department=str(hr.pk + 99)).status_code == 422


@pytest.mark.req("S2-24")
def test_lists_are_narrowed_to_a_department(desk: Client, new_ticket: NewTicket) -> None:
    hr, _ = Department.objects.create(name="HR"), Service.objects.create(name="Mail")
    new_ticket("for HR", department="HR")
    new_ticket("for all")

    def titles(query: str) -> list[str]:
        return re.findall(r'class="title cut">([^<]*)<', desk.get(f"/?{query}").content.decode())

    page = desk.get(f"/?view=open&department={hr.pk}").content.decode()
    assert titles(f"view=open&department={hr.pk}") == titles(f"q=for&department={hr.pk}") == ["for HR"]
    assert titles("view=open&department=x&service=99") == ["for all", "for HR"]
    assert f'href="/?view=unassigned&amp;department={hr.pk}"' in page
    assert f"view=open&amp;department={hr.pk}&amp;seen=" in page  # so news keep the filter
    assert 'href="/?view=open" class="on"' in page  # takes it back
    assert " ".join(page.split()).count("All open <small>1</small>") == 1
    assert "No ticket of this list passes the filter" in desk.get(f"/?view=solved&department={hr.pk}").content.decode()


@pytest.mark.req("S3-04")
@pytest.mark.parametrize("known", [True, False])
def test_a_ticket_is_never_given_to_somebody_who_is_no_active_user(
    agent: User, new_ticket: NewTicket, known: bool
) -> None:
    ticket = new_ticket()
    gone = User.objects.create_user("gone", is_active=False) if known else User(pk=agent.pk + 1, username="unknown")

    with pytest.raises(services.NoSuchPerson, match="is no active user"), transaction.atomic():
        services.assign(ticket=ticket, agent=agent, to=gone)

    assert Ticket.objects.get().assignee is None


def test_only_agents_change_details(client: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(fields={"affected_system": "VPN"})
    client.force_login(User.objects.create_user("sam"))

    answer = client.post(
        f"/tickets/{ticket.number}/details/", {"initial-own-affected_system": "VPN", "own-affected_system": "x"}
    )

    ticket.refresh_from_db()
    assert answer.status_code == 403
    assert ticket.fields == {"affected_system": "VPN"}
