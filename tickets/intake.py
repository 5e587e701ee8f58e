"""What comes in from customers: new tickets, and messages that join one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from tickets.contacts import contact_for, contacts_for
from tickets.details import PLACES
from tickets.files import IncomingFile, attach
from tickets.models import Contact, Note, Ticket, TicketEvent, TicketTemplate
from tickets.numbering import format_number, parse_number


@dataclass(frozen=True, slots=True)
class Written:
    """What a service wrote."""

    ticket_id: int
    note_id: int

    @property
    def number(self) -> str:
        return format_number(self.ticket_id)


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer wrote; `fresh` is the part of the text that is new, empty when all of it is."""

    text: str
    fresh: str = ""
    html: str = ""
    files: Sequence[IncomingFile] = ()
    recipients: Sequence[str] = ()
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A new ticket as a channel wants it. `template` and the keys of `fields` are names of TicketTemplate rows.

    `department`, `service` and `process` are names, too; one that exists no more leaves the ticket without.
    """

    template: str
    title: str
    requester_email: str
    message: Message
    requester_name: str = ""
    priority: str = Ticket.Priority.NORMAL
    source: str = Ticket.Source.EMAIL
    fields: Mapping[str, Any] | None = None
    restricted: Sequence[str] = ()
    related: str = ""
    department: str = ""
    service: str = ""
    process: str = ""


@transaction.atomic(savepoint=False)
def open_tickets(openings: Sequence[Opening]) -> list[Written]:
    """All of them or none, in a handful of queries. Raises TicketTemplate.DoesNotExist."""
    templates = _templates({each.template for each in openings})
    contacts = contacts_for({each.requester_email: each.requester_name for each in openings})
    places = _places(openings)
    now = timezone.now()
    tickets = Ticket.objects.bulk_create(
        _new_ticket(each, templates[each.template], contacts[each.requester_email], places, now) for each in openings
    )
    pairs = list(zip(tickets, openings, strict=True))
    notes = Note.objects.bulk_create(_incoming(ticket, ticket.requester, each.message, now) for ticket, each in pairs)
    attach((note, file) for note, each in zip(notes, openings, strict=True) for file in each.message.files)
    TicketEvent.objects.bulk_create(
        TicketEvent(ticket=ticket, kind="opened", data={"source": each.source}) for ticket, each in pairs
    )
    return [Written(ticket.pk, note.pk) for ticket, note in zip(tickets, notes, strict=True)]


def open_ticket(opening: Opening) -> Written:
    """Raises TicketTemplate.DoesNotExist."""
    return open_tickets([opening])[0]


@transaction.atomic(savepoint=False)
def add_message(*, number: str, email: str, name: str = "", message: Message) -> Written:
    """A customer's message joins a ticket; a solved or waiting one opens again. Raises Ticket.DoesNotExist."""
    ticket = Ticket.objects.select_for_update().get(pk=parse_number(number) or 0)
    now = timezone.now()
    note = _incoming(ticket, contact_for(email, name), message, now)
    note.save()
    attach((note, file) for file in message.files)
    if ticket.status != Ticket.Status.OPEN:
        TicketEvent.objects.create(ticket=ticket, kind="reopened", data={"was": ticket.status})
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.OPEN, unanswered=True, updated=now)
    return Written(ticket.pk, note.pk)


@transaction.atomic(savepoint=False)
def add_report(*, number: str, text: str, undelivered: bool, files: Sequence[IncomingFile] = ()) -> Written:
    """What a mail server tells about a mail of ours, as a note for agents. Raises Ticket.DoesNotExist.

    `undelivered` says that the customer will never get that mail: a ticket that waits for the customer, or counts as
    solved, is open again then.
    """
    ticket = Ticket.objects.select_for_update().get(pk=parse_number(number) or 0)
    now = timezone.now()
    note = Note.objects.create(
        ticket=ticket, direction=Note.Direction.REPORT, visibility=Note.Visibility.PRIVATE, text=text, created=now
    )
    attach((note, file) for file in files)
    changes: dict[str, Any] = {"updated": now}
    if undelivered and ticket.status != Ticket.Status.OPEN:
        TicketEvent.objects.create(ticket=ticket, kind="undelivered", data={"was": ticket.status})
        changes |= {"status": Ticket.Status.OPEN, "unanswered": True}
    Ticket.objects.filter(pk=ticket.pk).update(**changes)
    return Written(ticket.pk, note.pk)


def _templates(names: set[str]) -> dict[str, TicketTemplate]:
    found = {template.name: template for template in TicketTemplate.objects.filter(name__in=names)}
    if missing := names - found.keys():
        raise TicketTemplate.DoesNotExist(f"There is no template named {', '.join(sorted(missing))}.")
    return found


_Places = Mapping[str, Mapping[str, int]]


def _places(openings: Sequence[Opening]) -> _Places:
    """department, service, process → name → id, asked only where a name is given."""
    wanted = {what: {name for each in openings if (name := getattr(each, what))} for what in PLACES}
    return {
        what: dict(PLACES[what]._default_manager.filter(name__in=names).values_list("name", "pk"))
        for what, names in wanted.items()
        if names
    }


def _new_ticket(
    opening: Opening, template: TicketTemplate, requester: Contact, places: _Places, now: datetime
) -> Ticket:
    return Ticket(
        **{f"{what}_id": found.get(getattr(opening, what)) for what, found in places.items()},
        title=opening.title[:255],
        priority=opening.priority,
        source=opening.source,
        template=template,
        ticket_type_id=template.ticket_type_id,
        requester=requester,
        fields=dict(opening.fields or {}),
        restricted=list(opening.restricted),
        related_id=_existing(opening.related),
        updated=now,
    )


def _incoming(ticket: Ticket, contact: Contact, message: Message, now: datetime) -> Note:
    return Note(
        ticket=ticket,
        direction=Note.Direction.IN,
        contact=contact,
        text=message.text,
        fresh=message.fresh,
        html=message.html,
        recipients=list(message.recipients),
        created=message.written_at or now,
    )


def _existing(number: str) -> int | None:
    pk = parse_number(number)
    return pk if pk and Ticket.objects.filter(pk=pk).exists() else None
