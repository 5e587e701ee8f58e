"""The lists agents work from: which tickets, how many, page by page, and whether anything changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Left, NullIf

from tickets.details import PLACES
from tickets.models import Note, Ticket
from tickets.numbering import PREFIX, parse_number

PAGE_SIZE = 40
#: Counting stops here: beyond it nobody needs the exact figure, and exact figures get slow.
COUNT_LIMIT = 1000
_BY_US = {Note.Direction.OUT: "Replied", Note.Direction.INTERNAL: "Note", Note.Direction.REPORT: "Delivery report"}
_PREVIEW_CHARACTERS = 200
_WORDS = Coalesce(NullIf("fresh", Value("")), "text")

Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, slots=True)
class View:
    """One of the lists. `empty` is what its page says when it is."""

    key: str
    label: str
    empty: str
    status: str
    assigned: str = ""  # "me", "nobody" or anybody


VIEWS = (
    View("mine", "My open", "Nothing is waiting for you. Take a ticket from “Unassigned”.", "open", "me"),
    View("unassigned", "Unassigned", "Every open ticket has somebody who looks after it.", "open", "nobody"),
    View("open", "All open", "No open tickets.", "open"),
    View("waiting", "Waiting for customer", "No ticket waits for a customer’s answer.", "waiting"),
    View("solved", "Solved", "No ticket has been solved yet.", "solved"),
)


@dataclass(frozen=True, slots=True)
class Row:
    ticket: Ticket
    preview: str
    by_us: str  # what of ours the preview shows: "Replied", "Note" or nothing


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is the cursor of the following page, or nothing."""

    rows: list[Row]
    next: str


def view_named(key: str | None) -> View:
    """All open tickets unless another list is asked for: nothing that came in is out of sight."""
    return next((view for view in VIEWS if view.key == (key or "open")), VIEWS[0])


def listed(view: View, person: Person) -> QuerySet[Ticket]:
    rows = Ticket.objects.filter(status=view.status)
    if view.assigned == "me":
        return rows.filter(assignee_id=person.pk)
    return rows.filter(assignee=None) if view.assigned == "nobody" else rows


def found(words: str) -> QuerySet[Ticket]:
    """Tickets whose title or requester holds the words; a number finds its ticket."""
    match = Q(title__icontains=words) | Q(requester__email__icontains=words) | Q(requester__name__icontains=words)
    pk = number_meant(words)
    return Ticket.objects.filter(match | Q(pk=pk) if pk else match)


def number_meant(words: str) -> int | None:
    """The ticket somebody typed: HD-1041, hd-1041 or just 1041."""
    return parse_number(words) or parse_number(f"{PREFIX}-{words.strip()}")


@dataclass(frozen=True, slots=True)
class Option:
    """A link that narrows the lists to tickets that belong there, or widens them again when it is on."""

    name: str
    address: str
    on: bool


def narrowing(given: Mapping[str, str]) -> dict[str, int]:
    """Of the query string: `department=3` and the like, as far as they name something."""
    wanted = {name: int(text) for name in PLACES if (text := given.get(name, "")).isdecimal() and len(text) < 10}
    return {name: pk for name, pk in wanted.items() if PLACES[name]._default_manager.filter(pk=pk).exists()}


def narrowed(rows: QuerySet[Ticket], by: Mapping[str, int]) -> QuerySet[Ticket]:
    return rows.filter(**{f"{name}_id": pk for name, pk in by.items()})


def filters(by: Mapping[str, int], place: Mapping[str, Any]) -> list[tuple[str, list[Option]]]:
    """(label, options) of everything tickets can belong to. `place` is the query string of the list, without `by`."""
    listed = {name: model._default_manager.values_list("pk", "name") for name, model in PLACES.items()}
    return [
        (name.capitalize(), [_option(name, pk, label, by, place) for pk, label in rows])
        for name, rows in listed.items()
        if rows
    ]


def _option(name: str, pk: int, label: str, by: Mapping[str, int], place: Mapping[str, Any]) -> Option:
    on = by.get(name) == pk
    others = {key: value for key, value in by.items() if key != name}
    return Option(label, urlencode({**place, **others, **({} if on else {name: pk})}), on)


def page(rows: QuerySet[Ticket], cursor: str) -> Page:
    """Continues after the cursor's row instead of counting rows, so page 9,000 is as fast as page 1."""
    after = _parse_cursor(cursor)
    if after:
        moment, pk = after
        rows = rows.filter(updated__lte=moment).filter(Q(updated__lt=moment) | Q(pk__lt=pk))
    tickets = list(
        rows.select_related("requester", "assignee", "department").order_by("-updated", "-pk")[: PAGE_SIZE + 1]
    )
    shown = tickets[:PAGE_SIZE]
    return Page(_with_previews(shown), _cursor(shown[-1]) if len(tickets) > PAGE_SIZE else "")


def counts(person: Person, by: Mapping[str, int] | None = None) -> dict[str, str]:
    """View key → how many, as text. Solved tickets pile up for ever and are not counted."""
    rows = {view.key: narrowed(listed(view, person), by or {}) for view in VIEWS if view.key != "solved"}
    found = {key: each.order_by()[:COUNT_LIMIT].count() for key, each in rows.items()}
    return {key: f"{COUNT_LIMIT - 1}+" if count == COUNT_LIMIT else str(count) for key, count in found.items()}


def newest_change() -> str:
    """Changes whenever any ticket does."""
    newest = Ticket.objects.order_by("-updated", "-pk").only("pk", "updated").first()
    return _cursor(newest) if newest else "none"


def _with_previews(tickets: Iterable[Ticket]) -> list[Row]:
    newest = Note.objects.filter(ticket=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    of_shown = Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).values(last=Subquery(newest))
    previews = {
        note["ticket_id"]: note
        for note in Note.objects.filter(pk__in=of_shown).values(
            "ticket_id", "direction", start=Left(_WORDS, _PREVIEW_CHARACTERS)
        )
    }
    return [_row(ticket, previews.get(ticket.pk, {})) for ticket in tickets]


def _row(ticket: Ticket, note: Mapping[str, Any]) -> Row:
    return Row(ticket, " ".join(note.get("start", "").split()), _BY_US.get(note.get("direction", ""), ""))


def _cursor(ticket: Ticket) -> str:
    return f"{ticket.updated.isoformat()}~{ticket.pk}"


def _parse_cursor(cursor: str) -> tuple[datetime, int] | None:
    """A cursor somebody tampered with means the first page."""
    moment, _, pk = cursor.partition("~")
    try:
        when = datetime.fromisoformat(moment)
        return (when, int(pk)) if when.tzinfo else None
    except ValueError:
        return None
