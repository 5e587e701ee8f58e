"""A ticket, its conversation, its files and its history."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tickets.models.contact import Contact
from tickets.models.routing import Department, Process, Service
from tickets.models.template import TicketTemplate, TicketType
from tickets.numbering import format_number


class Ticket(models.Model):
    class Status(models.TextChoices):
        OPEN = "open", "Open"
        WAITING = "waiting", "Waiting for customer"
        SOLVED = "solved", "Solved"

    class Priority(models.TextChoices):
        LOW = "low", "Low"
        NORMAL = "normal", "Normal"
        HIGH = "high", "High"
        URGENT = "urgent", "Urgent"

    class Source(models.TextChoices):
        EMAIL = "email", "Email"
        AGENT = "agent", "Agent"

    title = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    source = models.CharField(max_length=10, choices=Source, default=Source.AGENT)
    ticket_type = models.ForeignKey(TicketType, models.PROTECT, related_name="tickets")
    template = models.ForeignKey(TicketTemplate, models.PROTECT, related_name="tickets")
    requester = models.ForeignKey(Contact, models.PROTECT, related_name="tickets")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="assigned_tickets"
    )
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True, related_name="tickets")
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True, related_name="tickets")
    process = models.ForeignKey(Process, models.PROTECT, null=True, blank=True, related_name="tickets")
    fields = models.JSONField(default=dict, blank=True, help_text="Values of the template's own fields, by key.")
    restricted = models.JSONField(default=list, blank=True, help_text="Keys of fields only some agents may see.")
    related = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(db_index=True)
    #: The customer wrote last and nobody has answered yet.
    unanswered = models.BooleanField(default=True)

    class Meta:
        ordering = ["-updated", "-pk"]
        indexes = [
            models.Index(fields=["status", "-updated", "-id"], name="ticket_queue"),
            models.Index(fields=["assignee", "status", "-updated"], name="ticket_mine"),
        ]
        permissions = [
            ("work_tickets", "Can read and answer tickets"),
            ("view_restricted_fields", "Can see restricted ticket fields"),
            ("edit_restricted_fields", "Can change restricted ticket fields"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def number(self) -> str:
        return format_number(self.pk)


class Participant(models.Model):
    """Somebody besides the requester who takes part: an agent put them in copy, never a mail."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="participants")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="participations")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "contact"], name="one_participation_per_ticket")]

    def __str__(self) -> str:
        return str(self.contact)


class Note(models.Model):
    """One message of the conversation. `html` is as it came; only safe_html may show it."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", "Public"
        PRIVATE = "private", "Private"

    class Direction(models.TextChoices):
        IN = "in", "From the customer"
        OUT = "out", "To the customer"
        INTERNAL = "internal", "Internal"
        REPORT = "report", "Report of a mail server"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="notes")
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    direction = models.CharField(max_length=10, choices=Direction)
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, blank=True, related_name="notes")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="ticket_notes"
    )
    text = models.TextField(blank=True)
    #: The new words of a customer's message, where the text also repeats earlier ones.
    fresh = models.TextField(blank=True)
    html = models.TextField(blank=True)
    clean_html = models.TextField(blank=True, editable=False)
    clean_version = models.PositiveIntegerField(default=0, editable=False)
    #: Addresses in To and Cc besides ours, as the mail had them: proposals an agent may confirm.
    recipients = models.JSONField(default=list, blank=True)
    created = models.DateTimeField()

    class Meta:
        ordering = ["created", "pk"]

    def __str__(self) -> str:
        return self.text[:60]


class Attachment(models.Model):
    """A file of a note. The bytes lie under their SHA-256; the sender's name lives only here."""

    note = models.ForeignKey(Note, models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_id = models.CharField(max_length=255, blank=True)
    inline = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.filename


class TicketEvent(models.Model):
    """Append-only history, shown between the notes. `kind` is a word services.py defines; `data` its details."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=30)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    data = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created", "pk"]

    def __str__(self) -> str:
        return self.kind
