"""Everything other apps may use of tickets."""

from __future__ import annotations

from tickets.catalogue import (
    FIELD_KINDS,
    MODULES,
    TEMPLATE_STATUSES,
    CatalogueError,
    catalogue,
    named,
    save_names,
    save_template,
    save_type,
    silent_offer,
    template_id,
    ticket_type_ids,
)
from tickets.events import AgentReply, agent_replied
from tickets.fields import BUILT_IN_KEYS, TicketField
from tickets.files import attach_later
from tickets.hooks import Delivery, Notice, Piece, Reading, hooks
from tickets.intake import Message, Opening, Written, add_message, add_report, open_ticket, open_tickets
from tickets.numbering import format_number, parse_number
from tickets.selectors import (
    CatalogueOffer,
    NoteFile,
    TicketBrief,
    briefs,
    groups_with,
    known_contacts,
    note_files,
    offers,
    published_templates,
    signature,
    signed_number,
    template_fields,
    template_module,
)

__all__ = [
    "BUILT_IN_KEYS",
    "FIELD_KINDS",
    "MODULES",
    "TEMPLATE_STATUSES",
    "AgentReply",
    "CatalogueError",
    "CatalogueOffer",
    "Delivery",
    "Message",
    "NoteFile",
    "Notice",
    "Opening",
    "Piece",
    "Reading",
    "TicketBrief",
    "TicketField",
    "Written",
    "add_message",
    "add_report",
    "agent_replied",
    "attach_later",
    "briefs",
    "catalogue",
    "format_number",
    "groups_with",
    "hooks",
    "known_contacts",
    "named",
    "note_files",
    "offers",
    "open_ticket",
    "open_tickets",
    "parse_number",
    "published_templates",
    "save_names",
    "save_template",
    "save_type",
    "signature",
    "signed_number",
    "silent_offer",
    "template_fields",
    "template_id",
    "template_module",
    "ticket_type_ids",
]
