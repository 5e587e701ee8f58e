"""The bell: what is wrong with mail servers, for those who look after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from mailchannel.models import Alert, MailServer
from mailchannel.services import alerts

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Alert]  # a type argument the class does not take at run time
else:
    Base = admin.ModelAdmin

MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Ring:
    """An alert as it is listed."""

    pk: int
    kind: str
    server: MailServer
    server_url: str
    text: str
    since: datetime
    ended: datetime | None
    read: bool
    not_mailed: str  # why the team could not be told by mail


@admin.register(Alert)
class AlertAdmin(Base):
    """Seen by everybody who may look at mail servers; what one person read, others still have to."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="mailchannel_alert_changelist"),
            path("read/", view(self.read_all), name="mailchannel_alert_read_all"),
            path("<int:pk>/read/", view(self.read), name="mailchannel_alert_read"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return alerts.may_see(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        """They go with their mail server; there is no way to delete one by itself."""
        return request.user.has_perm("mailchannel.delete_mailserver")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Alerts",
            "subtitle": None,
            "rings": _listed(request),
            "longest": MOST_LISTED,
        }
        return TemplateResponse(request, "admin/mailchannel/bell.html", context)

    def read(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request) or not request.user.is_authenticated:
            raise PermissionDenied
        alert = Alert.objects.filter(pk=pk).first()
        if alert is None:
            raise Http404("There is no such alert.")
        alerts.mark_read([alert], by=request.user)
        return redirect("admin:mailchannel_alert_changelist")

    def read_all(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request) or not request.user.is_authenticated:
            raise PermissionDenied
        alerts.mark_read(alerts.unread(request.user).select_related("server"), by=request.user)
        return redirect("admin:mailchannel_alert_changelist")


def _listed(request: HttpRequest) -> list[Ring]:
    """Open ones first, the newest of each; the oldest ended ones are left out."""
    found = Alert.objects.select_related("server").defer("server__secrets")
    opened = list(found.filter(ended_at=None)[:MOST_LISTED])
    rows = [*opened, *found.exclude(ended_at=None)[: MOST_LISTED - len(opened)]]
    unread = set(alerts.unread(request.user).values_list("pk", flat=True))
    not_mailed = alerts.not_told_by_mail(rows)
    return [_ring(row, read=row.pk not in unread, not_mailed=not_mailed.get(row.pk, "")) for row in rows]


def _ring(alert: Alert, *, read: bool, not_mailed: str) -> Ring:
    return Ring(
        pk=alert.pk,
        kind=alert.get_kind_display(),
        server=alert.server,
        server_url=reverse("admin:mailchannel_mailserver_change", args=[alert.server_id]),
        text=alert.text,
        since=alert.created,
        ended=alert.ended_at,
        read=read,
        not_mailed=not_mailed,
    )
