"""The mail log: every mail that was received, what became of it and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from mailchannel.admin import mail_actions, mail_csv, mail_page
from mailchannel.admin.filters import (
    TYPED,
    BoundedPaginator,
    PersonFilter,
    ReasonFilter,
    ServerFilter,
    found_anywhere,
    in_words,
)
from mailchannel.admin.readonly import ReadOnly
from mailchannel.admin.trace import TONES
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import audit, judge_again

if TYPE_CHECKING:
    Base = admin.ModelAdmin[InboundMail]  # a type argument the class does not take at run time
else:
    Base = admin.ModelAdmin

#: End of the address → what a person does with one mail.
DEEDS: dict[str, Callable[..., HttpResponse]] = {
    "original": mail_page.original,
    "source": mail_page.source,
    "restore": mail_page.restore,
    "judge": mail_actions.judge,
    "accept": mail_actions.accept,
    "allow": mail_actions.allow,
    "block": mail_actions.block,
}


@admin.register(InboundMail)
class InboundMailAdmin(ReadOnly, Base):
    list_display = ("what", "about", "sender", "received", "why", "became", "filed")
    list_display_links = ("about",)
    list_filter = (*TYPED, PersonFilter, "outcome", ReasonFilter, ServerFilter, "received_at")
    sortable_by = ("received",)
    search_fields = ("sender", "subject", "message_id")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the whole log
    paginator = BoundedPaginator
    list_per_page = 50
    actions = ("try_again", "accept_them")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(partial(self._do, deed=deed)),
                name=f"mailchannel_inboundmail_{name}",
            )
            for name, deed in DEEDS.items()
        ]
        table = path("csv/", self.admin_site.admin_view(self.csv), name="mailchannel_inboundmail_csv")
        return [*own, table, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMail]:
        """Without what lists do not show: traces are long."""
        rows = super().get_queryset(request).select_related("server", "ticket", "duplicate_of")
        return rows.defer("server__secrets", "trace", "manifest", "duplicate_of__trace", "duplicate_of__manifest")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboundMail], search_term: str
    ) -> tuple[QuerySet[InboundMail], bool]:
        words = search_term.strip()
        return (found_anywhere(queryset, words, request) if words else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """An empty log says which address to write to."""
        names = {each.parameter_name for each in TYPED}
        extra = {
            "title": "Mail log",
            "addresses": list(MailServer.objects.values_list("address", flat=True)),
            "typed": [_typed(request, each) for each in TYPED],
            "words": request.GET.get("q", ""),
            "others": [(name, value) for name, value in request.GET.items() if name not in {*names, "q", "p", "e"}],
            "narrowed": any(request.GET.get(name) for name in names),
            "subjects": request.GET.get("q") or request.GET.get("subject"),
            "query_string": request.GET.urlencode(),
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return mail_page.show(self, request, self._mail(request, object_id))

    def csv(self, request: HttpRequest) -> HttpResponseBase:
        """The list as it is filtered."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"{reverse('admin:mailchannel_inboundmail_changelist')}?e=1")
        audit.record_about(
            InboundMail, by=mail_page.person(request), message=f"Downloaded a list: {request.GET.urlencode()}"
        )
        return mail_csv.download(rows)

    @admin.action(description="Try again with the settings of now", permissions=["judge"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[InboundMail]) -> None:
        mail_actions.judge_many(request, queryset, judge_again.judge_again)

    @admin.action(description="Accept although they were refused", permissions=["judge"])
    def accept_them(self, request: HttpRequest, queryset: QuerySet[InboundMail]) -> None:
        mail_actions.judge_many(request, queryset, judge_again.accept)

    def has_judge_permission(self, request: HttpRequest) -> bool:
        return mail_actions.may_judge(request)

    @admin.display(description="Outcome")
    def what(self, mail: InboundMail) -> SafeString:
        return format_html(
            '<span class="tag {}">{}</span>', TONES.get(Outcome(mail.outcome), ""), mail.get_outcome_display()
        )

    @admin.display(description="Subject")
    def about(self, mail: InboundMail) -> str:
        return mail.subject or "(no subject)"

    @admin.display(description="Received", ordering="pk")
    def received(self, mail: InboundMail) -> str:
        return date_format(localtime(mail.received_at), "j M Y, H:i")

    @admin.display(description="Why")
    def why(self, mail: InboundMail) -> str:
        return mail.because or in_words(mail.reason)

    @admin.display(description="Ticket")
    def became(self, mail: InboundMail) -> SafeString | str:
        if mail.ticket is None:
            return "–"
        return format_html('<a href="{}">{}</a>', mail_page.ticket_url(mail), mail.ticket.number)

    @admin.display(description="Now in")
    def filed(self, mail: InboundMail) -> str:
        return mail.filed_to or mail.get_remote_display()

    def _do(self, request: HttpRequest, pk: int, *, deed: Callable[..., HttpResponse]) -> HttpResponse:
        return deed(self, request, self._mail(request, pk))

    def _mail(self, request: HttpRequest, pk: object) -> InboundMail:
        mail = self.get_object(request, str(pk))
        if mail is None:
            raise Http404("There is no such mail in the log.")
        if not self.has_view_permission(request, mail):
            raise PermissionDenied
        return mail


def _typed(request: HttpRequest, each: Any) -> dict[str, str]:
    name = each.parameter_name
    return {"name": name, "label": each.title, "kind": each.kind, "hint": each.hint, "value": request.GET.get(name, "")}
