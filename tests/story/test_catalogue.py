"""Ticket types, templates and offers, written through the one door there is."""

from __future__ import annotations

import pytest

from tickets.api import (
    CatalogueError,
    Message,
    Opening,
    TicketField,
    catalogue,
    open_ticket,
    published_templates,
    save_template,
    save_type,
    silent_offer,
    template_id,
    ticket_type_ids,
)
from tickets.models import Offer, TicketTemplate, TicketType

pytestmark = pytest.mark.django_db

SYSTEM = TicketField("system", "Affected system", "text", required=True)
COLOUR = TicketField("colour", "Colour", "choice", choices=("red", "blue"))


@pytest.fixture(autouse=True)
def incident() -> None:
    save_type(name="Incident")


def save(*fields: TicketField, status: str = "published", name: str = "Standard") -> int:
    return save_template(name=name, ticket_type="Incident", status=status, fields=fields)


def refused(*fields: TicketField) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        save(*fields)
    return caught.value


@pytest.mark.req("S2-05")
def test_saving_a_type_again_changes_it() -> None:
    first = save_type(name="Access", module="ticket")

    again = save_type(name="Access", module="request")

    assert again == first
    assert TicketType.objects.get(name="Access").module == "request"


def test_a_type_of_an_unknown_module_is_refused() -> None:
    with pytest.raises(CatalogueError) as caught:
        save_type(name="Access", module="change")

    assert caught.value.path == "module"
    assert not TicketType.objects.filter(name="Access").exists()


def test_a_template_is_exported_as_it_was_saved() -> None:
    saved = save(SYSTEM, COLOUR)

    assert template_id("Standard") == saved
    assert catalogue() == {
        "departments": [],
        "services": [],
        "processes": [],
        "ticket_types": [{"name": "Incident", "module": "ticket"}],
        "templates": [
            {
                "name": "Standard",
                "ticket_type": "Incident",
                "status": "published",
                "fields": [
                    {"key": "system", "label": "Affected system", "kind": "text", "required": True},
                    {
                        "key": "colour",
                        "label": "Colour",
                        "kind": "choice",
                        "required": False,
                        "choices": ["red", "blue"],
                    },
                ],
            }
        ],
    }


def test_saving_a_template_again_changes_adds_removes_and_reorders_its_fields() -> None:
    saved = save(SYSTEM, COLOUR)
    kept = TicketTemplate.objects.get().fields.get(key="colour").pk

    save(TicketField("floor", "Floor", "number"), TicketField("colour", "Shade", "choice", choices=("red",)))

    template = TicketTemplate.objects.get()
    assert template.pk == saved
    assert list(template.fields.values_list("key", "label", "kind")) == [
        ("floor", "Floor", "number"),
        ("colour", "Shade", "choice"),
    ]
    assert template.fields.get(key="colour").pk == kept


@pytest.mark.req("S0-44", "S1-27")
def test_a_draft_is_not_offered_to_mail_servers() -> None:
    save(name="Later", status="draft")
    published = save()

    assert published_templates() == [(published, "Standard")]


def test_a_template_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(CatalogueError, match="There is no ticket type “Problem”") as caught:
        save_template(name="Standard", ticket_type="Problem", status="draft", fields=[])

    assert caught.value.path == "ticket_type"


@pytest.mark.parametrize(
    ("field", "path", "sentence"),
    [
        (
            TicketField("title", "Title", "text"),
            "fields[1].key",
            "Every ticket has “title” already. Choose another key.",
        ),
        (TicketField("system", "Again", "text"), "fields[1].key", "“system” appears twice. Every field needs its own."),
        (TicketField("cost centre", "C", "text"), "fields[1].key", "“cost centre” is no key. Use the letters a to z"),
        (TicketField("x", "X", "choice"), "fields[1].choices", "“X” is a choice and needs at least one value"),
        (TicketField("x", "X", "text", choices=("a",)), "fields[1].choices", "only a field of kind choice can."),
        (TicketField("x", "X", "money"), "fields[1].kind", "not a valid choice"),
        (TicketField("x", "", "text"), "fields[1].label", "cannot be blank"),
        (TicketField("x" * 61, "X", "text"), "fields[1].key", "at most 60 characters"),
    ],
)
def test_a_field_that_cannot_be_is_refused_with_its_place(field: TicketField, path: str, sentence: str) -> None:
    error = refused(SYSTEM, field)

    assert error.path == path
    assert sentence in str(error)
    assert not TicketTemplate.objects.exists()


def test_a_field_tickets_carry_a_value_in_is_not_removed() -> None:
    save(SYSTEM, COLOUR)
    _open(system="Printer")

    error = refused(COLOUR)

    assert str(error) == "1 ticket carries a value in “system” of “Standard”, so it cannot be removed."
    assert error.path == "fields"
    assert TicketTemplate.objects.get().fields.count() == 2


def test_a_field_tickets_carry_a_value_in_keeps_its_kind() -> None:
    save(SYSTEM, COLOUR)
    _open(system="Printer")
    _open(system="Scanner")

    error = refused(TicketField("system", "Affected system", "number"), COLOUR)

    assert str(error) == "2 tickets carry a value in “system” of “Standard”, so its kind cannot change."
    assert error.path == "fields[0].kind"


def test_a_field_no_ticket_uses_may_go() -> None:
    save(SYSTEM, COLOUR)
    _open(system="Printer")

    save(SYSTEM)

    assert [field.key for field in TicketTemplate.objects.get().fields.all()] == ["system"]


@pytest.mark.req("S0-31", "S0-32")
def test_the_silent_offer_of_a_template_is_made_once() -> None:
    template = save()

    first = silent_offer(template_id=template, name="Support")
    again = silent_offer(template_id=template, name="Support")

    assert first == again
    assert silent_offer(template_id=template, name="Sales") != first
    assert Offer.objects.get(pk=first).silent


@pytest.mark.req("S0-32")
def test_a_visible_offer_of_the_same_name_stays_visible() -> None:
    template = save()
    visible = Offer.objects.create(template_id=template, name="Support")

    hidden = silent_offer(template_id=template, name="Support")

    assert hidden != visible.pk
    assert not Offer.objects.get(pk=visible.pk).silent


def test_names_without_a_row_are_left_out() -> None:
    assert template_id("Nothing") is None
    assert list(ticket_type_ids(["Incident", "Nothing"])) == ["Incident"]


def _open(**fields: str) -> None:
    message = Message(text="It is broken.")
    open_ticket(Opening("Standard", "Broken", "kim@example.com", message, fields=fields))
