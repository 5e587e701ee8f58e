"""What a ticket is about besides its words: where it belongs, and its template's own fields. Agents change both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone

from tickets.models import Department, Process, Service, TemplateField, Ticket, TicketEvent
from tickets.models.routing import Named

SEES: Final = "tickets.view_restricted_fields"
CHANGES: Final = "tickets.edit_restricted_fields"
#: Column of a ticket → what it names.
PLACES: Final[Mapping[str, type[Named]]] = {"department": Department, "service": Service, "process": Process}


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody may do with restricted fields. Who may not see a value cannot change it either."""

    sees: bool
    changes: bool


def reader(user: User) -> Reader:
    sees = user.has_perm(SEES)
    return Reader(sees, sees and user.has_perm(CHANGES))


def own_fields(ticket: Ticket) -> list[TemplateField]:
    return list(TemplateField.objects.filter(template_id=ticket.template_id))


def changeable(ticket: Ticket, who: Reader) -> list[TemplateField]:
    return [field for field in own_fields(ticket) if who.changes or field.key not in ticket.restricted]


@dataclass(frozen=True, slots=True)
class Change:
    """New values, only those that were changed: ids of places (None: nowhere), and own fields by key (None: empty)."""

    places: Mapping[str, int | None]
    fields: Mapping[str, Any]


@transaction.atomic(savepoint=False)
def change(*, ticket: Ticket, agent: User | AbstractBaseUser, change: Change, who: Reader) -> bool:
    """Writes what differs; what `who` may not change is left alone. False: nothing differed."""
    locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
    told = [*_move(locked, change.places), *_fill(locked, changeable(locked, who), change.fields)]
    if not told:
        return False
    locked.updated = timezone.now()
    locked.save(update_fields=[*PLACES, "fields", "updated"])
    TicketEvent.objects.create(ticket=locked, kind="details", actor_id=agent.pk, data={"changes": told})
    return True


def _move(ticket: Ticket, places: Mapping[str, int | None]) -> Iterator[dict[str, Any]]:
    for name, pk in places.items():
        was = getattr(ticket, name)
        becomes = PLACES[name]._default_manager.filter(pk=pk).first() if pk else None
        if becomes != was and (becomes or not pk):  # somebody may have deleted it meanwhile
            setattr(ticket, name, becomes)
            yield {"key": name, "label": name.capitalize(), "was": str(was or ""), "is": str(becomes or "")}


def _fill(ticket: Ticket, fields: Iterable[TemplateField], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for field in fields:
        was = ticket.fields.get(field.key)
        if field.key not in values or values[field.key] == was:
            continue
        becomes = values[field.key]
        rest = {key: value for key, value in ticket.fields.items() if key != field.key}
        ticket.fields = rest if becomes is None else {**rest, field.key: becomes}
        yield {"key": field.key, "label": field.label, "was": in_words(was), "is": in_words(becomes)}


def in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "" if value is None else str(value)
