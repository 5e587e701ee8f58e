"""What agents write: answers, private notes, states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone

from tickets.contacts import contact_for
from tickets.events import AgentReply, agent_replied
from tickets.files import IncomingFile, attach
from tickets.models import Note, Participant, Ticket, TicketEvent


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
    attach((note, file) for file in files)
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
    attach((note, file) for file in files)
    _touch(ticket)
    return note


@transaction.atomic(savepoint=False)
def set_status(*, ticket: Ticket, agent: User | AbstractBaseUser, status: str) -> None:
    if status != ticket.status:
        change = {"was": ticket.status, "is": status}
        TicketEvent.objects.create(ticket=ticket, kind="status", actor_id=agent.pk, data=change)
        _touch(ticket, status=status)


class NoSuchPerson(Exception):
    """Raised when a ticket would be given to somebody who cannot sign in any more."""


@transaction.atomic(savepoint=False)
def assign(*, ticket: Ticket, agent: User | AbstractBaseUser, to: User | AbstractBaseUser | None) -> None:
    """`to` None takes the ticket from everybody. Raises NoSuchPerson."""
    if to is not None and not User.objects.filter(pk=to.pk, is_active=True).exists():
        raise NoSuchPerson(f"{to.get_username()} is no active user, so the ticket cannot be theirs.")
    if (to.pk if to else None) != ticket.assignee_id:
        TicketEvent.objects.create(
            ticket=ticket, kind="assigned", actor_id=agent.pk, data={"to": to.get_username() if to else ""}
        )
        _touch(ticket, assignee_id=to.pk if to else None)


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


def _touch(ticket: Ticket, **changes: Any) -> None:
    for name, value in {**changes, "updated": timezone.now()}.items():
        setattr(ticket, name, value)
    ticket.save(update_fields=[*changes, "updated"])
