from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("whitelisted_type", "Ticket type takes mail", reason="ignored.ticket_type")
def whitelisted_type(case: Case, options: Mapping[str, Any]) -> Finding:
    """Only answers are asked: a new ticket has the type of the mail server's template. An empty list allows all."""
    allowed = case.channel.whitelisted_types
    ticket = case.facts.tickets.get(case.thread.number)
    if ticket is None:
        return passes("answers no ticket")
    if not allowed or ticket.ticket_type in allowed:
        return passes(f"{ticket.number} is of type {ticket.ticket_type}")
    return refuses(f"{ticket.number} is of type {ticket.ticket_type}, none of {', '.join(allowed)}")
