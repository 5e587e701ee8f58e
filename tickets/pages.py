"""What the ticket page shows: the conversation with its history, the requester, the fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Prefetch, QuerySet

from tickets import framing, history, hooks
from tickets.details import in_words, own_fields
from tickets.frame_height import likely_height
from tickets.models import Attachment, Note, TemplateField, Ticket, TicketEvent
from tickets.safe_html import POLICY_VERSION, TooBig, clean

#: Longer conversations show their newest part first and the rest on request.
SHOWN_NOTES = 50
_EARLIER_TICKETS = 5


@dataclass(frozen=True, slots=True)
class Message:
    note: Note
    frame: str  # the document of a sandboxed frame, or nothing when the text is shown
    height: int
    files: list[Attachment]
    delivery: hooks.Delivery | None
    held_back: bool  # pictures from the internet wait for a click
    unshowable: bool  # there was HTML, but only its text can be shown
    remarks: Sequence[str] | None  # to be known before reading; None: it did not come in by a channel

    kind = "message"

    @property
    def at(self) -> datetime:
        return self.note.created


@dataclass(frozen=True, slots=True)
class Happening:
    event: TicketEvent
    sentence: str

    kind = "event"

    @property
    def at(self) -> datetime:
        return self.event.created


@dataclass(frozen=True, slots=True)
class FieldValue:
    label: str
    value: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """Newest first. `newest` is the id of the newest note, `older` how many notes are not shown."""

    items: list[Message | Happening]
    newest: int
    older: int


def conversation(
    ticket: Ticket, *, everything: bool, images_of: int | None, sees_restricted: bool = False
) -> Conversation:
    """`images_of` is the note whose pictures from the internet the reader wants to see."""
    rows = ticket.notes.select_related("contact", "agent").prefetch_related(
        Prefetch("attachments", Attachment.objects.order_by("pk"))
    )
    total, newest = ticket.notes.aggregate(total=Count("pk"), newest=Max("pk")).values()
    notes = list(rows.order_by("-created", "-pk")[: total if everything else SHOWN_NOTES])
    states = delivery_states(notes)
    remarks = hooks.remarks([note.pk for note in notes])
    messages = [
        _message(note, states.get(note.pk), remarks.get(note.pk), show_remote=note.pk == images_of) for note in notes
    ]
    items: list[Message | Happening] = [*messages, *_happenings(ticket, notes, total, sees_restricted=sees_restricted)]
    items.sort(key=lambda item: item.at, reverse=True)
    return Conversation(items, newest or 0, total - len(notes))


def delivery_states(notes: Iterable[Note]) -> dict[int, hooks.Delivery]:
    return hooks.delivery_states([note.pk for note in notes if note.direction == Note.Direction.OUT])


def cleaned(note: Note) -> str:
    """The note's HTML, safe to frame; cleaned on first view and kept. Nothing when it cannot be shown."""
    if note.html and note.clean_version != POLICY_VERSION:
        # Said before it is done: HTML that brings the process down is tried once, not by everybody who looks.
        _keep(note, "")
        with suppress(TooBig):
            _keep(note, clean(note.html))
    return note.clean_html if note.html else ""


def proposed_copies(ticket: Ticket) -> list[str]:
    """Who else was addressed by the customer's newest message and takes no part yet. An agent has to agree."""
    newest = ticket.notes.filter(direction=Note.Direction.IN).order_by("-pk").only("recipients").first()
    known = {ticket.requester.email, *participants(ticket)}
    return [address for address in (newest.recipients if newest else []) if address not in known]


def participants(ticket: Ticket) -> list[str]:
    return list(ticket.participants.order_by("pk").values_list("contact__email", flat=True))


def field_values(ticket: Ticket, *, sees_restricted: bool) -> list[FieldValue]:
    return [_field_value(ticket, field, sees_restricted=sees_restricted) for field in own_fields(ticket)]


def earlier_tickets(ticket: Ticket) -> QuerySet[Ticket]:
    others = Ticket.objects.filter(requester_id=ticket.requester_id).exclude(pk=ticket.pk)
    return others.order_by("-updated", "-pk")[:_EARLIER_TICKETS]


def _message(
    note: Note, delivery: hooks.Delivery | None, remarks: Sequence[str] | None, *, show_remote: bool
) -> Message:
    html = cleaned(note)
    attachments = list(note.attachments.all())
    pictures = framing.pictures(html, attachments)
    return Message(
        note=note,
        frame=framing.framed(note, pictures, show_remote=show_remote) if html else "",
        height=likely_height(html),
        files=[each for each in attachments if each not in pictures],
        delivery=delivery,
        held_back=not show_remote and framing.has_remote_images(html),
        unshowable=bool(note.html) and not html,
        remarks=remarks,
    )


def _happenings(ticket: Ticket, notes: list[Note], total: int, *, sees_restricted: bool) -> list[Happening]:
    events = ticket.events.select_related("actor")
    if len(notes) < total:
        events = events.filter(created__gte=notes[-1].created)
    unseen = () if sees_restricted else ticket.restricted
    return [Happening(event, history.sentence(event, unseen=unseen)) for event in events]


def _keep(note: Note, html: str) -> None:
    note.clean_html, note.clean_version = html, POLICY_VERSION
    Note.objects.filter(pk=note.pk).update(clean_html=html, clean_version=POLICY_VERSION)


def _field_value(ticket: Ticket, field: TemplateField, *, sees_restricted: bool) -> FieldValue:
    hidden = field.key in ticket.restricted and not sees_restricted
    return FieldValue(field.label, "" if hidden else in_words(ticket.fields.get(field.key)), hidden)
