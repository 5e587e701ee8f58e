"""What happened to a ticket. Sent inside the transaction; receivers may only write rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class AgentReply:
    """A public answer that must reach `recipients`: the requester first, then who is in copy."""

    ticket_id: int
    note_id: int
    number: str
    title: str
    text: str
    recipients: Sequence[str]
    written_at: datetime


#: reply: AgentReply
agent_replied = Signal()
