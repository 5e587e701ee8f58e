"""What a ticket of a kind looks like: types, templates with their fields, and the offers that lead to them."""

from __future__ import annotations

from django.db import models


class TicketType(models.Model):
    class Module(models.TextChoices):
        TICKET = "ticket", "Ticket (incident)"
        REQUEST = "request", "Service request"

    name = models.CharField(max_length=80, unique=True)
    module = models.CharField(max_length=10, choices=Module, default=Module.TICKET)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TicketTemplate(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"

    name = models.CharField(max_length=120, unique=True)
    ticket_type = models.ForeignKey(TicketType, models.PROTECT, related_name="templates")
    status = models.CharField(
        max_length=10,
        choices=Status,
        default=Status.DRAFT,
        help_text="Only a published template can be chosen for a mail server.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class FieldKind(models.TextChoices):
    TEXT = "text", "Text"
    PARAGRAPH = "paragraph", "Paragraph"
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    BOOLEAN = "boolean", "Yes or no"
    CHOICE = "choice", "Choice"
    EMAIL = "email", "Mail address"


class TemplateField(models.Model):
    """A field of its own that tickets of this template have, besides title, description, requester and priority."""

    template = models.ForeignKey(TicketTemplate, models.CASCADE, related_name="fields")
    key = models.SlugField(max_length=60, help_text="Name used in settings files; cannot change once used.")
    label = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=FieldKind, default=FieldKind.TEXT)
    required = models.BooleanField(default=False)
    choices = models.JSONField(default=list, blank=True, help_text="For kind Choice: a list of values.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["template", "key"], name="one_field_per_key")]

    def __str__(self) -> str:
        return self.label


class Offer(models.Model):
    """An entry of the service catalogue. A silent one is never listed; it is where mail comes in."""

    name = models.CharField(max_length=120)
    template = models.ForeignKey(TicketTemplate, models.PROTECT, related_name="offers")
    silent = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
