"""The outbox: every mail we send, and whether it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailchannel.admin.filters import ServerFilter
from mailchannel.admin.readonly import ReadOnly
from mailchannel.models import OutboundMail

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OutboundMail]  # a type argument the class does not take at run time
else:
    Base = admin.ModelAdmin

TONES = {"queued": "warn", "sending": "warn", "sent": "good", "failed": "bad", "returned": "bad"}


@admin.register(OutboundMail)
class OutboundMailAdmin(ReadOnly, Base):
    list_display = ("how", "subject", "to", "kind", "about", "created", "sent_at", "error")
    list_display_links = ("subject",)
    list_filter = ("state", "kind", ServerFilter, "created")
    search_fields = ("subject", "message_id", "envelope_from")
    search_help_text = "Subject, Message-ID or sender"
    show_full_result_count = False
    list_per_page = 50
    fields = (
        ("how", "kind"),
        "subject",
        "to",
        "about",
        "server",
        "message_id",
        "envelope_from",
        ("created", "sent_at", "next_try_at"),
        "attempts",
        "error",
    )
    readonly_fields = ("how", "to", "about")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboundMail]:
        """Without the mail's bytes: lists never load them."""
        return super().get_queryset(request).select_related("ticket", "server").defer("server__secrets", "raw")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Outbox", **(extra_context or {})})

    @admin.display(description="State", ordering="state")
    def how(self, mail: OutboundMail) -> SafeString:
        return format_html('<span class="tag {}">{}</span>', TONES[mail.state], mail.get_state_display())

    @admin.display(description="To")
    def to(self, mail: OutboundMail) -> str:
        return ", ".join(map(str, mail.recipients))

    @admin.display(description="Ticket")
    def about(self, mail: OutboundMail) -> SafeString | str:
        if mail.ticket is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>', reverse("tickets:ticket", args=[mail.ticket.number]), mail.ticket.number
        )
