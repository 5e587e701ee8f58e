"""The catalogue in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.pages.conftest import NewTicket
from tickets.models import Offer, TicketTemplate


@pytest.fixture
def office(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("rita"))
    return client


def template_form(template: TicketTemplate, **first: Any) -> dict[str, Any]:
    """The change form as a browser sends it; `first` changes the first field."""
    data: dict[str, Any] = {"name": template.name, "ticket_type": template.ticket_type_id, "status": template.status}
    rows = list(template.fields.all())
    data |= {"fields-TOTAL_FORMS": len(rows), "fields-INITIAL_FORMS": len(rows)}
    for place, row in enumerate(rows):
        values = {"id": row.pk, "template": template.pk, "position": row.position, "label": row.label, "key": row.key,
                  "kind": row.kind, "choices": "\n".join(row.choices)}  # fmt: skip
        data |= {f"fields-{place}-{name}": value for name, value in (values | (first if place == 0 else {})).items()}
    return data


@pytest.mark.req("S0-32")
def test_a_silent_offer_is_not_listed_but_has_its_page(office: Client, template: TicketTemplate) -> None:
    silent = Offer.objects.create(name="Mail entry", template=template, silent=True)
    Offer.objects.create(name="Order a laptop", template=template)

    listed = office.get(reverse("admin:tickets_offer_changelist")).content.decode()

    assert "Order a laptop" in listed and "Mail entry" not in listed
    page = office.get(reverse("admin:tickets_offer_change", args=[silent.pk]))
    assert page.status_code == 200 and 'name="_save"' not in page.content.decode()


def test_choices_are_typed_one_a_line(office: Client, template: TicketTemplate) -> None:
    address = reverse("admin:tickets_tickettemplate_change", args=[template.pk])

    office.post(address, template_form(template, kind="choice", choices="red\n\n blue "))

    assert template.fields.get(key="affected_system").choices == ["red", "blue"]
    assert "red\nblue" in office.get(address).content.decode()


def test_a_choice_without_values_is_explained(office: Client, template: TicketTemplate) -> None:
    address = reverse("admin:tickets_tickettemplate_change", args=[template.pk])

    response = office.post(address, template_form(template, kind="choice"))

    assert "A choice needs values to choose from" in response.content.decode()


def test_a_key_in_use_cannot_change(office: Client, template: TicketTemplate, new_ticket: NewTicket) -> None:
    address = reverse("admin:tickets_tickettemplate_change", args=[template.pk])

    assert office.post(address, template_form(template, key="system")).status_code == 302
    new_ticket()
    response = office.post(address, template_form(template, key="other"))

    assert "Tickets already store values under the old key" in response.content.decode()


def test_tickets_can_be_looked_up_and_lead_to_the_desk(office: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket("VPN drops")

    assert "VPN drops" in office.get(reverse("admin:tickets_ticket_changelist")).content.decode()
    page = office.get(reverse("admin:tickets_ticket_change", args=[ticket.pk])).content.decode()
    assert f'href="/tickets/{ticket.number}/"' in page and 'name="_save"' not in page
