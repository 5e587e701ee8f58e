"""Ticket fields a channel may fill in. Plain data, no models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TicketField:
    """`kind` is one of text, paragraph, number, date, boolean, choice, email, attachments."""

    key: str
    label: str
    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()


#: Every ticket has these, whatever its template.
BUILT_IN = (
    TicketField("title", "Title", "text", required=True),
    TicketField("description", "Description", "paragraph", required=True),
    TicketField("requester", "Requester", "email", required=True),
    TicketField("priority", "Priority", "choice", choices=("low", "normal", "high", "urgent")),
    TicketField("attachments", "Attachments", "attachments"),
)
BUILT_IN_KEYS = frozenset(field.key for field in BUILT_IN)
