"""The only code that writes ticket types, templates and offers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from tickets.fields import BUILT_IN_KEYS, TicketField
from tickets.models import (
    Department,
    FieldKind,
    Offer,
    Process,
    Service,
    TemplateField,
    Ticket,
    TicketTemplate,
    TicketType,
)
from tickets.models.routing import Named

MODULES = tuple(TicketType.Module.values)
TEMPLATE_STATUSES = tuple(TicketTemplate.Status.values)
FIELD_KINDS = tuple(FieldKind.values)
NAMED: Mapping[str, type[Named]] = {
    "departments": Department,
    "services": Service,
    "processes": Process,
}


class CatalogueError(Exception):
    """What cannot be saved, said to a person. `path` leads to the value, like `fields[2].key`."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


@transaction.atomic
def save_type(*, name: str, module: str = TicketType.Module.TICKET) -> int:
    """Creates or changes the ticket type of this name. Raises CatalogueError."""
    kind = TicketType.objects.select_for_update().filter(name=name).first() or TicketType(name=name)
    kind.module = module
    return _save(kind)


@transaction.atomic
def save_template(*, name: str, ticket_type: str, status: str, fields: Sequence[TicketField]) -> int:
    """Creates or changes the template of this name; `fields` are all its own fields in order. Raises CatalogueError."""
    template = TicketTemplate.objects.select_for_update().filter(name=name).first() or TicketTemplate(name=name)
    template.ticket_type_id = _type_id(ticket_type)
    template.status = status
    saved = _save(template)
    _save_fields(template, fields)
    return saved


@transaction.atomic
def silent_offer(*, template_id: int, name: str) -> int:
    """The hidden offer mail comes in by. Raises TicketTemplate.DoesNotExist."""
    template = TicketTemplate.objects.select_for_update().get(pk=template_id)  # no second one beside it
    offer, _ = Offer.objects.get_or_create(template=template, name=name, silent=True)
    return offer.pk


@transaction.atomic
def save_names(kind: str, names: Sequence[str]) -> None:
    """Makes the departments, services or processes these; what tickets belong to stays. Raises KeyError."""
    rows = NAMED[kind]._default_manager
    rows.exclude(name__in=names).filter(**{"tickets": None}).delete()
    stored = set(rows.values_list("name", flat=True))
    rows.bulk_create(NAMED[kind](name=name) for name in dict.fromkeys(names) if name not in stored)


def named(kind: str) -> list[str]:
    """The names of all departments, services or processes. Raises KeyError."""
    return list(NAMED[kind]._default_manager.values_list("name", flat=True))


def catalogue() -> dict[str, list[Any]]:
    """Every type, template, department, service and process as plain data, in the shape of a settings file."""
    return {
        **{kind: named(kind) for kind in NAMED},
        "ticket_types": [{"name": each.name, "module": each.module} for each in TicketType.objects.all()],
        "templates": [_exported(each) for each in _templates()],
    }


def template_id(name: str) -> int | None:
    return TicketTemplate.objects.filter(name=name).values_list("pk", flat=True).first()


def ticket_type_ids(names: Iterable[str]) -> Mapping[str, int]:
    """Name → id; names without a type are left out."""
    return dict(TicketType.objects.filter(name__in=list(names)).values_list("name", "pk"))


def _type_id(name: str) -> int:
    found = ticket_type_ids([name]).get(name)
    if found is None:
        raise CatalogueError("ticket_type", f"There is no ticket type “{name}”. Create it first, or correct the name.")
    return found


def _templates() -> models.QuerySet[TicketTemplate]:
    return TicketTemplate.objects.select_related("ticket_type").prefetch_related("fields")


def _exported(template: TicketTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "ticket_type": template.ticket_type.name,
        "status": template.status,
        "fields": [_exported_field(field) for field in template.fields.all()],
    }


def _exported_field(field: TemplateField) -> dict[str, Any]:
    plain = {"key": field.key, "label": field.label, "kind": field.kind, "required": field.required}
    return {**plain, "choices": list(field.choices)} if field.choices else plain


def _save_fields(template: TicketTemplate, wanted: Sequence[TicketField]) -> None:
    stored = {field.key: field for field in template.fields.all()}
    for place, field in enumerate(wanted):
        _check_field(f"fields[{place}]", field, [other.key for other in wanted[:place]])
        row = stored.pop(field.key, None) or TemplateField(template=template, key=field.key)
        if row.pk and row.kind != field.kind:
            _refuse_if_used(template, row, f"fields[{place}].kind", "so its kind cannot change")
        row.label, row.kind, row.required = field.label, field.kind, field.required
        row.choices, row.position = list(field.choices), place
        _save(row, prefix=f"fields[{place}].")
    for row in stored.values():
        _refuse_if_used(template, row, "fields", "so it cannot be removed")
        row.delete()


def _check_field(path: str, field: TicketField, earlier: Iterable[str]) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", field.key):
        raise CatalogueError(f"{path}.key", f"“{field.key}” is no key. Use the letters a to z, digits, - and _.")
    if field.key in BUILT_IN_KEYS:
        raise CatalogueError(f"{path}.key", f"Every ticket has “{field.key}” already. Choose another key.")
    if field.key in earlier:
        raise CatalogueError(f"{path}.key", f"The key “{field.key}” appears twice. Every field needs its own.")
    if field.kind == FieldKind.CHOICE and not field.choices:
        raise CatalogueError(f"{path}.choices", f"“{field.label}” is a choice and needs at least one value to choose.")
    if field.kind != FieldKind.CHOICE and field.choices:
        raise CatalogueError(f"{path}.choices", f"“{field.label}” has choices; only a field of kind choice can.")


def _refuse_if_used(template: TicketTemplate, row: TemplateField, path: str, consequence: str) -> None:
    """A value must stay readable for as long as a ticket carries it."""
    used = Ticket.objects.filter(template=template, fields__has_key=row.key).count()
    if used:
        tickets = "1 ticket carries" if used == 1 else f"{used} tickets carry"
        raise CatalogueError(path, f"{tickets} a value in “{row.key}” of “{template.name}”, {consequence}.")


def _save(row: TicketType | TicketTemplate | TemplateField, *, prefix: str = "") -> int:
    try:
        row.full_clean()
    except ValidationError as error:
        column, messages = next(iter(error.message_dict.items()))
        raise CatalogueError(f"{prefix}{column}", messages[0]) from None
    row.save()
    return row.pk
