from tickets.models.contact import Contact
from tickets.models.template import FieldKind, Offer, TemplateField, TicketTemplate, TicketType
from tickets.models.ticket import Attachment, Note, Participant, Ticket, TicketEvent

__all__ = [
    "Attachment",
    "Contact",
    "FieldKind",
    "Note",
    "Offer",
    "Participant",
    "TemplateField",
    "Ticket",
    "TicketEvent",
    "TicketTemplate",
    "TicketType",
]
