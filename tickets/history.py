"""What happened to a ticket, as sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tickets.models import Ticket, TicketEvent

_SOURCES = {"email": "from a mail", "agent": "by an agent"}
_STATUSES = {"open": "open", "waiting": "waiting for the customer", "solved": "solved"}

_LONGEST_VALUE = 80


def sentence(event: TicketEvent, *, unseen: Collection[str] = ()) -> str:
    """Without who and when. Kinds this page does not know are shown by their own words.

    `unseen` are keys of fields whose values the reader may not see.
    """
    if event.kind == "details":
        return "; ".join(_change(each, unseen) for each in event.data.get("changes", ()))
    told = _KNOWN.get(event.kind)
    return told(event) if told else str(event.data.get("text") or event.kind.replace("_", " ")).capitalize()


def _opened(event: TicketEvent) -> str:
    return f"Ticket opened {_SOURCES.get(event.data.get('source', ''), '')}".strip()


def _reopened(event: TicketEvent) -> str:
    return f"Open again: the customer wrote (it was {_STATUSES.get(event.data.get('was', ''), 'closed')})"


def _undelivered(event: TicketEvent) -> str:
    was = _STATUSES.get(event.data.get("was", ""), "closed")
    return f"Open again: a mail to the customer could not be delivered (it was {was})"


def _status(event: TicketEvent) -> str:
    status = event.data.get("is", "")
    if status == Ticket.Status.OPEN:
        return "Opened again"
    return "Marked as solved" if status == Ticket.Status.SOLVED else f"Now {_STATUSES.get(status, status)}"


def _assigned(event: TicketEvent) -> str:
    to = event.data.get("to", "")
    return f"Assigned to {to}" if to else "Put back: nobody is assigned"


def _change(change: Mapping[str, Any], unseen: Collection[str]) -> str:
    label = str(change.get("label", ""))
    if change.get("key") in unseen:
        return f"{label} changed (restricted)"
    return f"{label}: {_brief(change.get('was'))} → {_brief(change.get('is'))}"


def _brief(value: object) -> str:
    text = " ".join(str(value or "–").split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


_KNOWN = {
    "opened": _opened,
    "reopened": _reopened,
    "undelivered": _undelivered,
    "status": _status,
    "assigned": _assigned,
}
