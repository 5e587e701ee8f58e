"""Everything other apps may use of tickets."""

from __future__ import annotations

from tickets.events import agent_replied
from tickets.fields import BUILT_IN_KEYS, TicketField
from tickets.numbering import format_number, parse_number
from tickets.selectors import (
    TicketBrief,
    briefs,
    published_templates,
    signature,
    signed_number,
    template_fields,
)
from tickets.services import Message, Opening, Written, add_message, open_ticket

__all__ = [
    "BUILT_IN_KEYS",
    "Message",
    "Opening",
    "TicketBrief",
    "TicketField",
    "Written",
    "add_message",
    "agent_replied",
    "briefs",
    "format_number",
    "open_ticket",
    "parse_number",
    "published_templates",
    "signature",
    "signed_number",
    "template_fields",
]
