"""The only code that writes tickets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone

from tickets import blobs
from tickets.events import AgentReply, agent_replied
from tickets.models import Attachment, Contact, Note, Participant, Ticket, TicketEvent, TicketTemplate
from tickets.numbering import format_number, parse_number


class IncomingFile(Protocol):
    """What a channel hands over as a file; any object with these attributes will do."""

    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def content_id(self) -> str: ...
    @property
    def inline(self) -> bool: ...


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
    """What a customer wrote."""

    text: str
    html: str = ""
    files: Sequence[IncomingFile] = ()
    recipients: Sequence[str] = ()
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A new ticket as a channel wants it. `template` and the keys of `fields` are names of TicketTemplate rows."""

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


@transaction.atomic(savepoint=False)
def open_tickets(openings: Sequence[Opening]) -> list[Written]:
    """All of them or none, in a handful of queries. Raises TicketTemplate.DoesNotExist."""
    templates = _templates({each.template for each in openings})
    contacts = contacts_for({each.requester_email: each.requester_name for each in openings})
    now = timezone.now()
    tickets = Ticket.objects.bulk_create(
        _new_ticket(each, templates[each.template], contacts[each.requester_email], now) for each in openings
    )
    pairs = list(zip(tickets, openings, strict=True))
    notes = Note.objects.bulk_create(_incoming(ticket, ticket.requester, each.message, now) for ticket, each in pairs)
    _attach((note, file) for note, each in zip(notes, openings, strict=True) for file in each.message.files)
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
    _attach((note, file) for file in message.files)
    if ticket.status != Ticket.Status.OPEN:
        TicketEvent.objects.create(ticket=ticket, kind="reopened", data={"was": ticket.status})
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.OPEN, unanswered=True, updated=now)
    return Written(ticket.pk, note.pk)


@transaction.atomic(savepoint=False)
def reply_as_agent(
    *,
    ticket: Ticket,
    agent: User | AbstractBaseUser,
    text: str,
    cc: Sequence[str] = (),
    files: Sequence[IncomingFile] = (),
    status: str = Ticket.Status.WAITING,
) -> Note:
    """A public answer. Whoever is put in copy takes part from now on; the mail is queued in the same transaction."""
    copied = [contact_for(address) for address in cc]
    for contact in copied:
        if contact.pk != ticket.requester_id:
            Participant.objects.get_or_create(ticket=ticket, contact=contact)
    recipients = [ticket.requester.email, *(c.email for c in copied if c.pk != ticket.requester_id)]
    note = _write_own(ticket, agent, text, Note.Visibility.PUBLIC, Note.Direction.OUT, recipients)
    _attach((note, file) for file in files)
    _touch(ticket, status=status, unanswered=False)
    agent_replied.send(
        sender=Note,
        reply=AgentReply(ticket.pk, note.pk, ticket.number, ticket.title, text, recipients, note.created),
    )
    return note


@transaction.atomic(savepoint=False)
def write_private_note(
    *, ticket: Ticket, agent: User | AbstractBaseUser, text: str, files: Sequence[IncomingFile] = ()
) -> Note:
    note = _write_own(ticket, agent, text, Note.Visibility.PRIVATE, Note.Direction.INTERNAL, [])
    _attach((note, file) for file in files)
    _touch(ticket)
    return note


@transaction.atomic(savepoint=False)
def set_status(*, ticket: Ticket, agent: User | AbstractBaseUser, status: str) -> None:
    if status != ticket.status:
        change = {"was": ticket.status, "is": status}
        TicketEvent.objects.create(ticket=ticket, kind="status", actor_id=agent.pk, data=change)
        _touch(ticket, status=status)


@transaction.atomic(savepoint=False)
def assign(*, ticket: Ticket, agent: User | AbstractBaseUser, to: User | AbstractBaseUser | None) -> None:
    """`to` None takes the ticket from everybody."""
    if (to.pk if to else None) != ticket.assignee_id:
        TicketEvent.objects.create(
            ticket=ticket, kind="assigned", actor_id=agent.pk, data={"to": to.get_username() if to else ""}
        )
        _touch(ticket, assignee_id=to.pk if to else None)


def contact_for(email: str, name: str = "") -> Contact:
    """The contact with this canonical address."""
    return contacts_for({email: name})[email]


def contacts_for(names: Mapping[str, str]) -> dict[str, Contact]:
    """Address → contact. A name is taken over the first time one is given."""
    found = _contacts(names)
    missing = [Contact(email=email, name=name[:200]) for email, name in names.items() if email not in found]
    if missing:
        # Another worker may write the same people at this moment; whoever was first has made them.
        Contact.objects.bulk_create(missing, ignore_conflicts=True)
        found |= _contacts(contact.email for contact in missing)
    for email, name in names.items():
        if name and not found[email].name:
            found[email].name = name[:200]
            found[email].save(update_fields=["name"])
    return found


def _contacts(emails: Iterable[str]) -> dict[str, Contact]:
    return {contact.email: contact for contact in Contact.objects.filter(email__in=list(emails))}


def _templates(names: set[str]) -> dict[str, TicketTemplate]:
    found = {template.name: template for template in TicketTemplate.objects.filter(name__in=names)}
    if missing := names - found.keys():
        raise TicketTemplate.DoesNotExist(f"There is no template named {', '.join(sorted(missing))}.")
    return found


def _new_ticket(opening: Opening, template: TicketTemplate, requester: Contact, now: datetime) -> Ticket:
    return Ticket(
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
        html=message.html,
        recipients=list(message.recipients),
        created=message.written_at or now,
    )


def _write_own(
    ticket: Ticket,
    agent: User | AbstractBaseUser,
    text: str,
    visibility: Note.Visibility,
    direction: Note.Direction,
    recipients: list[str],
) -> Note:
    return Note.objects.create(
        ticket=ticket,
        visibility=visibility,
        direction=direction,
        agent_id=agent.pk,
        text=text,
        recipients=recipients,
        created=timezone.now(),
    )


def _attach(files: Iterable[tuple[Note, IncomingFile]]) -> None:
    rows = [
        Attachment(
            note=note,
            filename=each.filename[:255],
            content_type=each.content_type[:120],
            size=len(each.content),
            sha256=blobs.store(each.content),
            content_id=each.content_id[:255],
            inline=each.inline,
        )
        for note, each in files
    ]
    if rows:
        Attachment.objects.bulk_create(rows)


def _touch(ticket: Ticket, **changes: Any) -> None:
    for name, value in {**changes, "updated": timezone.now()}.items():
        setattr(ticket, name, value)
    ticket.save(update_fields=[*changes, "updated"])


def _existing(number: str) -> int | None:
    pk = parse_number(number)
    return pk if pk and Ticket.objects.filter(pk=pk).exists() else None
