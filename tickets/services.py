"""The only code that writes tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone

from tickets import blobs
from tickets.events import agent_replied
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


@transaction.atomic
def open_ticket(opening: Opening) -> Written:
    """Raises TicketTemplate.DoesNotExist."""
    template = TicketTemplate.objects.get(name=opening.template)
    requester = contact_for(opening.requester_email, opening.requester_name)
    now = timezone.now()
    ticket = Ticket.objects.create(
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
    note = _write_incoming(ticket, requester, opening.message, now)
    TicketEvent.objects.create(ticket=ticket, kind="opened", data={"source": opening.source})
    return Written(ticket.pk, note.pk)


@transaction.atomic
def add_message(*, number: str, email: str, name: str = "", message: Message) -> Written:
    """A customer's message joins a ticket; a solved or waiting one opens again. Raises Ticket.DoesNotExist."""
    ticket = Ticket.objects.select_for_update().get(pk=parse_number(number) or 0)
    now = timezone.now()
    note = _write_incoming(ticket, contact_for(email, name), message, now)
    if ticket.status != Ticket.Status.OPEN:
        TicketEvent.objects.create(ticket=ticket, kind="reopened", data={"was": ticket.status})
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.OPEN, unanswered=True, updated=now)
    return Written(ticket.pk, note.pk)


@transaction.atomic
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
    _attach(note, files)
    _touch(ticket, status=status, unanswered=False)
    agent_replied.send(sender=Note, note=note, recipients=recipients)
    return note


@transaction.atomic
def write_private_note(
    *, ticket: Ticket, agent: User | AbstractBaseUser, text: str, files: Sequence[IncomingFile] = ()
) -> Note:
    note = _write_own(ticket, agent, text, Note.Visibility.PRIVATE, Note.Direction.INTERNAL, [])
    _attach(note, files)
    _touch(ticket)
    return note


@transaction.atomic
def set_status(*, ticket: Ticket, agent: User | AbstractBaseUser, status: str) -> None:
    if status != ticket.status:
        change = {"was": ticket.status, "is": status}
        TicketEvent.objects.create(ticket=ticket, kind="status", actor_id=agent.pk, data=change)
        _touch(ticket, status=status)


@transaction.atomic
def assign(*, ticket: Ticket, agent: User | AbstractBaseUser, to: User | AbstractBaseUser | None) -> None:
    """`to` None takes the ticket from everybody."""
    if (to.pk if to else None) != ticket.assignee_id:
        TicketEvent.objects.create(
            ticket=ticket, kind="assigned", actor_id=agent.pk, data={"to": to.get_username() if to else ""}
        )
        _touch(ticket, assignee_id=to.pk if to else None)


def contact_for(email: str, name: str = "") -> Contact:
    """The contact with this canonical address; the name is taken over the first time one is given."""
    contact, created = Contact.objects.get_or_create(email=email, defaults={"name": name[:200]})
    if name and not created and not contact.name:
        contact.name = name[:200]
        contact.save(update_fields=["name"])
    return contact


def _write_incoming(ticket: Ticket, contact: Contact, message: Message, now: datetime) -> Note:
    note = Note.objects.create(
        ticket=ticket,
        direction=Note.Direction.IN,
        contact=contact,
        text=message.text,
        html=message.html,
        recipients=list(message.recipients),
        created=message.written_at or now,
    )
    _attach(note, message.files)
    return note


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


def _attach(note: Note, files: Sequence[IncomingFile]) -> None:
    Attachment.objects.bulk_create(
        Attachment(
            note=note,
            filename=each.filename[:255],
            content_type=each.content_type[:120],
            size=len(each.content),
            sha256=blobs.store(each.content),
            content_id=each.content_id[:255],
            inline=each.inline,
        )
        for each in files
    )


def _touch(ticket: Ticket, **changes: Any) -> None:
    for name, value in {**changes, "updated": timezone.now()}.items():
        setattr(ticket, name, value)
    ticket.save(update_fields=[*changes, "updated"])


def _existing(number: str) -> int | None:
    pk = parse_number(number)
    return pk if pk and Ticket.objects.filter(pk=pk).exists() else None
