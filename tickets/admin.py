"""The service catalogue and a look at the tickets, for administrators. Agents work at the desk instead."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tickets.models import (
    Contact,
    Department,
    FieldKind,
    Offer,
    Process,
    Service,
    TemplateField,
    Ticket,
    TicketTemplate,
    TicketType,
)


class LinesField(forms.CharField):
    """A list, typed one value a line."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 24})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class TemplateFieldForm(forms.ModelForm):
    choices = LinesField(required=False, help_text="For kind Choice: one value a line.")

    class Meta:
        model = TemplateField
        fields = ["position", "label", "key", "kind", "choices", "required"]

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if self.instance.pk and key != self.initial.get("key") and self._in_use():
            raise ValidationError("Tickets already store values under the old key, so it cannot change.")
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == FieldKind.CHOICE and not data.get("choices") and "choices" not in self.errors:
            self.add_error("choices", "A choice needs values to choose from: write one a line.")
        return data

    def _in_use(self) -> bool:
        return Ticket.objects.filter(template=self.instance.template_id).exists()


class TemplateFieldInline(admin.TabularInline):
    model = TemplateField
    form = TemplateFieldForm
    extra = 0
    verbose_name_plural = "Fields of its own, besides title, description, requester and priority"


@admin.register(TicketType)
class TicketTypeAdmin(admin.ModelAdmin):
    list_display = ["name", "module"]
    search_fields = ["name"]


@admin.register(TicketTemplate)
class TicketTemplateAdmin(admin.ModelAdmin):
    list_display = ["name", "ticket_type", "status"]
    list_filter = ["status"]
    list_select_related = ["ticket_type"]
    search_fields = ["name"]
    inlines = [TemplateFieldInline]


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin):
    """Silent offers are never listed; their mail server links to them. Nobody edits or deletes them by hand."""

    list_display = ["name", "template"]
    list_select_related = ["template"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        on_its_own_page = match is not None and "object_id" in match.kwargs
        return rows if on_its_own_page else rows.filter(silent=False)

    def has_change_permission(self, request: HttpRequest, obj: Offer | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.silent)

    def has_delete_permission(self, request: HttpRequest, obj: Offer | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.silent)


@admin.register(Department, Service, Process)
class NamedAdmin(admin.ModelAdmin):
    """What tickets belong to. One that has tickets cannot be deleted."""

    list_display = ["name"]
    search_fields = ["name"]


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin):
    list_display = ["email", "name", "created"]
    search_fields = ["email", "name"]
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> list[str]:
        return ["created", "email"] if obj else ["created"]  # tickets are matched to people by this address


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    """To look things up. Whatever changes a ticket happens at the desk, where it is written into its history."""

    list_display = ["number", "title", "status", "priority", "source", "requester", "updated"]
    list_filter = ["status", "priority", "source", "department", "service", "process"]
    list_select_related = ["requester"]
    search_fields = ["title", "requester__email"]
    show_full_result_count = False
    fields = [
        "at_the_desk", "title", "status", "priority", "source", "ticket_type", "template", "requester", "assignee",
        "department", "service", "process", "related", "created", "updated",
    ]  # fmt: skip

    @admin.display(description="Desk")
    def at_the_desk(self, ticket: Ticket) -> SafeString:
        return format_html('<a href="{}">Open {}</a>', reverse("tickets:ticket", args=[ticket.number]), ticket.number)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Not by the fields' values: what a list leaves out tells a restricted value as well as showing it."""
        return not lookup.startswith("fields") and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return False
