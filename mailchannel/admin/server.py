"""Mail servers in the admin: the list, the wizard's routes, and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.views.decorators.debug import sensitive_post_parameters

from mailchannel.admin import consent, copying, counting, fail_folder, review, trial, versions, wizard
from mailchannel.admin.routes import step_url
from mailchannel.models import MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services import drafts
from mailchannel.services.inbox import is_inbox

if TYPE_CHECKING:
    Base = admin.ModelAdmin[MailServer]  # a type argument the class does not take at run time
else:
    Base = admin.ModelAdmin

PENCIL = (
    '<a class="pencil" href="{}" aria-label="Edit {}">'
    '<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor">'
    '<path d="M2.5 13.5l.7-3.2 7.6-7.6 2.5 2.5-7.6 7.6z M9.3 4.2l2.5 2.5"/></svg></a>'
)
View = Callable[..., HttpResponse]
TONES = {"draft": "warn", "active": "good", "paused": "", "failed": "bad"}


@admin.register(MailServer)
class MailServerAdmin(Base):
    list_display = ("name", "address", "state", "last_fetch", "fills", "edit")
    list_display_links = ("name",)
    list_select_related = ("template",)
    search_fields = ("name", "address")
    actions = None

    def get_urls(self) -> list[URLPattern]:
        steps = [
            path(f"<int:pk>/{step.slug}/", self._route(wizard.visit, slug=step.slug), name=_name(step.slug))
            for step in wizard.STEPS
        ]
        switches = [
            path(f"<int:pk>/{name}/", self._route(switch), name=_name(name)) for name, switch in review.SWITCHES.items()
        ]
        look = path("<int:pk>/look/", self._route(review.look), name=_name("look"))
        page = path("<int:pk>/review/", self._route(review.show), name=_name("review"))
        past = path("<int:pk>/versions/", self._route(versions.show), name=_name("versions"))
        back = path("<int:pk>/versions/<int:number>/restore/", self._route(versions.restore), name=_name("restore"))
        failed = [
            path(f"<int:pk>/{route}", self._route(view), name=_name(name)) for route, view, name in fail_folder.ROUTES
        ]
        tries = [
            path("<int:pk>/trial/", self._route(trial.page), name=_name("trial")),
            path("<int:pk>/counts/", self._route(counting.show), name=_name("counts")),
            path("<int:pk>/start/", self._route(counting.start), name=_name("start")),
        ]
        copy = path("<int:pk>/copy/", self._route(copying.make_copy), name=_name("copy"))
        return [
            *steps,
            *tries,
            *consent.routes(self._route),
            *switches,
            *failed,
            copy,
            look,
            page,
            past,
            back,
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailServer]:
        return super().get_queryset(request).defer("secrets")

    @method_decorator(sensitive_post_parameters())
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return wizard.visit(self, request, MailServer(), slug=wizard.SLUGS[0])

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Mail servers", **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft goes on where it was left; a finished one shows how it is doing."""
        server = self._load(request, object_id)
        return redirect(step_url(wizard.first_open(server), server))

    def has_delete_permission(self, request: HttpRequest, obj: MailServer | None = None) -> bool:
        """A mail server that received or sent mail stays: the log refers to it. It can be paused."""
        used = obj is not None and (obj.inbound.exists() or obj.outbound.exists())
        return not used and super().has_delete_permission(request, obj)

    def may_edit(self, request: HttpRequest, server: MailServer) -> bool:
        return self.has_change_permission(request, server) if server.pk else self.has_add_permission(request)

    def may_publish(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailchannel.publish_mailserver")

    def has_draft(self, server: MailServer) -> bool:
        return server.pk is not None and drafts.draft_of(server) is not None

    def page_context(self, request: HttpRequest, server: MailServer, slug: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "server": server,
            "stored_name": str(server) if server.pk else "New mail server",
            "title": wizard.TITLES.get(slug, "Versions"),
            "subtitle": None,
            "may_delete": server.pk is not None and self.has_delete_permission(request, server),
            "stepper": wizard.stepper(server, slug),
            "tone": TONES[server.status],
            "status_text": status_text(server),
            "is_inbox": is_inbox(server),
            "inbox_url": reverse("inbox", args=[server.pk]) if server.pk and is_inbox(server) else "",
            "has_draft": self.has_draft(server),
            **fail_folder.summary(server),
        }

    @admin.display(description="State")
    def state(self, server: MailServer) -> SafeString:
        unverified = render_to_string("admin/mailchannel/_unverified.html", {"server": server})
        return format_html(
            '<span class="tag {}">{}</span> {}', TONES[server.status], server.get_status_display(), unverified
        )

    @admin.display(description="Last fetched")
    def last_fetch(self, server: MailServer) -> str:
        if is_inbox(server):
            return "mail is brought"
        return f"{timesince(server.last_success_at, depth=1)} ago" if server.last_success_at else "never"

    @admin.display(description="Template")
    def fills(self, server: MailServer) -> str:
        return str(server.template) if server.template else "none yet"

    @admin.display(description="Edit")
    def edit(self, server: MailServer) -> SafeString:
        return format_html(PENCIL, step_url("connection", server), server)

    def _load(self, request: HttpRequest, pk: object) -> MailServer:
        server = self.get_object(request, str(pk))
        if server is None:
            raise Http404("There is no such mail server.")
        if not self.has_view_or_change_permission(request, server):
            raise PermissionDenied
        return server

    def _route(self, view: View, **fixed: Any) -> View:
        @wraps(view)
        def routed(request: HttpRequest, pk: int, **named: Any) -> HttpResponse:
            try:
                return view(self, request, self._load(request, pk), **fixed, **named)
            except SecretUnreadable as error:
                messages.error(request, str(error))
                return redirect("admin:mailchannel_mailserver_changelist")

        return self.admin_site.admin_view(sensitive_post_parameters()(routed))


def status_text(server: MailServer) -> str:
    """The state in words, always in sight."""
    if server.status == MailServer.Status.DRAFT:
        return "Draft · takes no mail yet" if is_inbox(server) else "Draft · not fetching"
    if server.status == MailServer.Status.PAUSED:
        return "Paused · takes no mail" if is_inbox(server) else "Paused · not fetching"
    if server.status == MailServer.Status.FAILED:
        return "Failed · tried again later"
    if is_inbox(server):
        return "Active · mail arrives" if server.first_arrival_at else "Active · no mail has arrived yet"
    ago = f"fetched {timesince(server.last_success_at, depth=1)} ago" if server.last_success_at else "not fetched yet"
    return f"Active · {ago}"


_name = partial("mailchannel_mailserver_{}".format)
