from tickets.models.contact import Contact
from tickets.models.routing import Department, Process, Service
from tickets.models.template import FieldKind, Offer, TemplateField, TicketTemplate, TicketType
from tickets.models.ticket import Attachment, Note, Participant, Ticket, TicketEvent

__all__ = [
    "Attachment",
    "Contact",
    "Department",
    "FieldKind",
    "Note",
    "Offer",
    "Participant",
    "Process",
    "Service",
    "TemplateField",
    "Ticket",
    "TicketEvent",
    "TicketTemplate",
    "TicketType",
]
