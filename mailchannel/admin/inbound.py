"""The mail log: every mail that was received, what became of it and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from mailchannel.admin.filters import ReasonFilter, ServerFilter, in_words
from mailchannel.admin.readonly import ReadOnly
from mailchannel.admin.trace import CHOSEN, sections
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import audit, reading
from mailchannel.services.restore import CannotRestore, restore

if TYPE_CHECKING:
    Base = admin.ModelAdmin[InboundMail]  # a type argument the class does not take at run time
else:
    Base = admin.ModelAdmin

TONES = {
    Outcome.OPENED: "good",
    Outcome.ADDED: "good",
    Outcome.REJECTED: "bad",
    Outcome.FAILED: "bad",
    Outcome.HELD: "warn",
    Outcome.RECEIVED: "warn",
}


@admin.register(InboundMail)
class InboundMailAdmin(ReadOnly, Base):
    list_display = ("what", "about", "sender", "received", "why", "became", "filed")
    list_display_links = ("about",)
    list_filter = ("outcome", ReasonFilter, ServerFilter, "received_at")
    search_fields = ("sender", "subject", "message_id")
    search_help_text = "Sender, subject or Message-ID"
    show_full_result_count = False
    list_per_page = 50

    def get_urls(self) -> list[URLPattern]:
        original, source = self.admin_site.admin_view(self.original), self.admin_site.admin_view(self.source)
        return [
            path("<int:pk>/original/", original, name="mailchannel_inboundmail_original"),
            path("<int:pk>/source/", source, name="mailchannel_inboundmail_source"),
            path("<int:pk>/restore/", self.admin_site.admin_view(self.restore), name="mailchannel_inboundmail_restore"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMail]:
        return super().get_queryset(request).select_related("server", "ticket").defer("server__secrets")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """An empty log says which address to write to."""
        extra = {"title": "Mail log", "addresses": list(MailServer.objects.values_list("address", flat=True))}
        return super().changelist_view(request, extra | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        mail = self._mail(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": mail.subject or "(no subject)",
            "mail": mail,
            "tone": TONES.get(Outcome(mail.outcome), ""),
            "chosen": CHOSEN[Outcome(mail.outcome)],
            "sections": sections(mail),
            "ticket_url": _ticket_url(mail),
            "copies": mail.copies.count(),
            "may_restore": mail.note_id is not None and self._may_restore(request),
            "may_download": self._may_download(request) and RawMail.objects.filter(pk=mail.pk).exists(),
        }
        return TemplateResponse(request, "admin/mailchannel/trace.html", context)

    def original(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bytes as received, never shown in the page: a browser must not run what a stranger wrote."""
        _, raw = self._raw(request, pk, "Downloaded the original.")
        headers = {
            "Content-Disposition": f'attachment; filename="mail-{pk}.eml"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(raw, content_type="message/rfc822", headers=headers)

    def restore(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Puts a file that was left out back on the ticket."""
        mail = self._mail(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self._may_restore(request) or not request.user.is_authenticated:
            raise PermissionDenied
        number, digest = request.POST.get("number", ""), request.POST.get("sha256", "")
        try:
            name = restore(mail, number=number, digest=digest, by=request.user)
            messages.success(request, f"“{name}” is on the ticket now.")
        except CannotRestore as error:
            messages.error(request, str(error))
        return redirect("admin:mailchannel_inboundmail_change", pk)

    def source(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The beginning of the bytes as text, escaped like everything a stranger wrote."""
        mail, raw = self._raw(request, pk, "Looked at the source.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Source",
            "mail": mail,
            "source": reading.source(raw),
            "longest": reading.LONGEST_SOURCE,
        }
        return TemplateResponse(request, "admin/mailchannel/source.html", context)

    @admin.display(description="Outcome", ordering="outcome")
    def what(self, mail: InboundMail) -> SafeString:
        return format_html(
            '<span class="tag {}">{}</span>', TONES.get(Outcome(mail.outcome), ""), mail.get_outcome_display()
        )

    @admin.display(description="Subject", ordering="subject")
    def about(self, mail: InboundMail) -> str:
        return mail.subject or "(no subject)"

    @admin.display(description="Received", ordering="received_at")
    def received(self, mail: InboundMail) -> str:
        return date_format(localtime(mail.received_at), "j M Y, H:i")

    @admin.display(description="Why", ordering="reason")
    def why(self, mail: InboundMail) -> str:
        return mail.because or in_words(mail.reason)

    @admin.display(description="Ticket")
    def became(self, mail: InboundMail) -> SafeString | str:
        if mail.ticket is None:
            return "–"
        return format_html('<a href="{}">{}</a>', _ticket_url(mail), mail.ticket.number)

    @admin.display(description="Now in")
    def filed(self, mail: InboundMail) -> str:
        return mail.filed_to or mail.get_remote_display()

    def _mail(self, request: HttpRequest, pk: object) -> InboundMail:
        mail = self.get_object(request, str(pk))
        if mail is None:
            raise Http404("There is no such mail in the log.")
        if not self.has_view_permission(request, mail):
            raise PermissionDenied
        return mail

    def _raw(self, request: HttpRequest, pk: int, what: str) -> tuple[InboundMail, bytes]:
        """The original for somebody who may see it; that they did is recorded."""
        mail = self._mail(request, pk)
        if not self._may_download(request):
            raise PermissionDenied
        raw = RawMail.objects.filter(pk=pk).first()
        if raw is None:
            raise Http404("The original of this mail is not kept any more.")
        audit.record(mail, by=request.user if request.user.is_authenticated else None, message=what)
        return mail, raw.content

    def _may_restore(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailchannel.restore_files")

    def _may_download(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailchannel.view_raw_mail")


def _ticket_url(mail: InboundMail) -> str:
    return reverse("tickets:ticket", args=[mail.ticket.number]) if mail.ticket else ""
