"""Reads for pages and for channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils.encoding import force_bytes

from tickets import blobs
from tickets.fields import BUILT_IN, TicketField
from tickets.models import Attachment, Contact, Offer, TemplateField, Ticket, TicketTemplate
from tickets.numbering import format_number, is_signed, parse_number, sign


@dataclass(frozen=True, slots=True)
class TicketBrief:
    """What a channel may know of a ticket."""

    number: str
    ticket_type: str
    participants: frozenset[str]


def briefs(numbers: Iterable[str]) -> Mapping[str, TicketBrief]:
    """Number → brief; numbers without a ticket are left out. Whoever wrote a message or was put in copy takes part."""
    keys = [pk for pk in map(parse_number, numbers) if pk]
    found: dict[str, TicketBrief] = {}
    if not keys:
        return found
    tickets = Ticket.objects.filter(pk__in=keys).select_related("requester", "ticket_type")
    for ticket in tickets.prefetch_related("participants__contact"):
        people = {ticket.requester.email, *(each.contact.email for each in ticket.participants.all())}
        found[ticket.number] = TicketBrief(ticket.number, ticket.ticket_type.name, frozenset(people))
    return found


def template_fields(template_id: int | None) -> tuple[TicketField, ...]:
    """What a channel may fill in a ticket of this template: the built-in fields, then the template's own."""
    own = TemplateField.objects.filter(template_id=template_id) if template_id else ()
    return (*BUILT_IN, *(TicketField(f.key, f.label, f.kind, f.required, tuple(f.choices)) for f in own))


def published_templates(module: str = "") -> list[tuple[int, str]]:
    """(id, name) of the templates a mail server may use; `module` leaves only those whose type is of it."""
    rows = TicketTemplate.objects.filter(status=TicketTemplate.Status.PUBLISHED)
    return list((rows.filter(ticket_type__module=module) if module else rows).values_list("pk", "name"))


@dataclass(frozen=True, slots=True)
class CatalogueOffer:
    """An entry of the service catalogue. `module` is that of its template's type."""

    id: int
    name: str
    template_id: int
    template: str
    module: str


def offers() -> list[CatalogueOffer]:
    """What the catalogue lists, as far as a mail server may use its template. Silent offers are in no list."""
    rows = Offer.objects.filter(silent=False, template__status=TicketTemplate.Status.PUBLISHED)
    columns = ("pk", "name", "template_id", "template__name", "template__ticket_type__module")
    return [CatalogueOffer(*each) for each in rows.values_list(*columns)]


def template_module(template_id: int | None) -> str:
    """An empty string without a template."""
    rows = TicketTemplate.objects.filter(pk=template_id) if template_id else TicketTemplate.objects.none()
    return rows.values_list("ticket_type__module", flat=True).first() or ""


def groups_with(permission: str) -> list[str]:
    """Names of the groups that have a permission of tickets, such as `view_restricted_fields`."""
    rows = Group.objects.filter(permissions__codename=permission, permissions__content_type__app_label="tickets")
    return list(rows.order_by("name").values_list("name", flat=True))


def signature(ticket_id: int, mail: str) -> str:
    """Proves that a mail of ours about this ticket was answered; see numbering.sign."""
    return sign(_keys()[0], ticket_id, mail)


def signed_number(number: str, mail: str, given: str) -> str:
    """The number when the signature fits, else an empty string."""
    pk = parse_number(number)
    return format_number(pk) if pk and is_signed(_keys(), pk, mail, given) else ""


def _keys() -> list[bytes]:
    return [b"ticket-signature:" + force_bytes(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def known_contacts(emails: Iterable[str]) -> frozenset[str]:
    """Those of the canonical addresses that belong to a contact."""
    return frozenset(Contact.objects.filter(email__in=list(emails)).values_list("email", flat=True))


@dataclass(frozen=True, slots=True)
class NoteFile:
    filename: str
    content_type: str
    content: bytes


def note_files(note_id: int) -> list[NoteFile]:
    """The files of a note with their bytes. Raises FileNotFoundError when the storage lost one."""
    found = []
    for row in Attachment.objects.filter(note_id=note_id):
        with blobs.open_blob(row.sha256) as stored:
            found.append(NoteFile(row.filename, row.content_type, stored.read()))
    return found
