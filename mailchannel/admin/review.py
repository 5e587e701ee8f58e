"""Last step, and later the mail server's own page: what will happen, what is missing, how it is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from mailchannel.admin import probe, wizard
from mailchannel.admin.copying import shared
from mailchannel.admin.promise import promises
from mailchannel.admin.routes import step_url
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import MailServer
from mailchannel.services import drafts, publish, versions
from mailchannel.services.inbox import is_inbox
from mailchannel.services.lint import Remark, lint
from mailchannel.services.mailbox_counts import Counts
from mailchannel.services.publish import NotReady
from mailchannel.services.readiness import Problem, problems

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

RECENT = 10


@dataclass(frozen=True, slots=True)
class Hint:
    """A problem with the way to its field."""

    text: str
    url: str
    step: str


def show(
    admin: MailServerAdmin,
    request: HttpRequest,
    server: MailServer,
    seen: probe.Probe | None = None,
    counted: Counts | None = None,
) -> HttpResponse:
    if not server.published_at and wizard.first_open(server) != "review":
        messages.info(request, f"“{wizard.TITLES[wizard.first_open(server)]}” comes first.")
        return redirect(step_url(wizard.first_open(server), server))
    settings = drafts.working_copy(server)
    context = admin.page_context(request, server, "review") | {
        "promises": promises(settings),
        "hints": [_hint(server, problem) for problem in problems(settings)],
        "remarks": [_hint(server, remark) for remark in lint(settings)],
        "shared": shared(settings),
        "starts_at": settings.sync_start,
        "may_copy": bool(server.published_at) and admin.has_add_permission(request),
        "counted": counted,
        "pending": versions.pending(server),
        "fetching": server.lease_until is not None and server.lease_until > timezone.now(),
        "editable": admin.may_edit(request, server),
        "may_publish": admin.may_publish(request),
        "runs": server.runs.defer("log")[:RECENT],
        "outcomes": _outcomes(server),
        "log_url": f"{reverse('admin:mailchannel_inboundmail_changelist')}?server={server.pk}",
        "probe": seen or probe.Probe(),
        "previous": (step_url("answers", server), wizard.TITLES["answers"]),
    }
    return TemplateResponse(request, "admin/mailchannel/review.html", context)


def look(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """What the mail server says to the saved settings right now."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server):
        raise PermissionDenied
    seen = probe.look_again(request, server)
    if not request.headers.get("HX-Request"):
        return show(admin, request, server, seen)
    return TemplateResponse(request, "admin/mailchannel/_findings.html", {"probe": seen})


def publish_now(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_publish(request) or not request.user.is_authenticated:
        raise PermissionDenied
    try:
        take_over = "take_over" in request.POST
        gave_way = shared(drafts.working_copy(server)).at_work if take_over else ()
        publish.publish(server, by=request.user, rest="rest" in request.POST, take_over=take_over)
        server.refresh_from_db()
        messages.success(request, " ".join([_published(server), *(f"“{each.server}” is paused." for each in gave_way)]))
    except NotReady as error:
        messages.error(request, f"Not yet: {error}")
    return redirect(step_url("review", server))


def discard(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server) or not request.user.is_authenticated:
        raise PermissionDenied
    if drafts.discard(server, by=request.user):
        messages.success(request, "The changes that were not published are gone.")
    return redirect(step_url("review", server))


def _published(server: MailServer) -> str:
    if server.status == MailServer.Status.PAUSED:
        return f"Version {server.version} of {server} is published. It stays paused until you resume it."
    if server.version > 1:
        return f"Version {server.version} of {server} is in force from now on."
    return f"{server} is live. Its mail becomes tickets from now on."


def _paused(server: MailServer) -> str:
    where = "with whoever brings it" if is_inbox(server) else "in the mailbox"
    return f"{server} is paused. Mail stays {where} until you resume."


def _switch(service: Callable[..., None], done: Callable[[MailServer], str]) -> Callable[..., HttpResponse]:
    def switch(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not admin.may_publish(request):
            raise PermissionDenied
        try:
            service(server, by=request.user)
            messages.success(request, done(server))
        except NotReady as error:
            messages.error(request, f"Not yet: {error}")
        return redirect(step_url("review", server))

    return switch


SWITCHES = {
    "publish": publish_now,
    "discard": discard,
    "pause": _switch(publish.pause, _paused),
    "resume": _switch(publish.resume, "{} is live again.".format),
}


def _hint(server: MailServer, problem: Problem | Remark) -> Hint:
    title = wizard.TITLES.get(problem.step, "")
    return Hint(problem.text, f"{step_url(problem.step, server)}#id_{problem.field}", title)


def _outcomes(server: MailServer) -> list[tuple[str, str, int]]:
    """(outcome, label, mails) of the latest mails; a bounded sample, so that a big log does not slow the page."""
    latest: Any = server.inbound.values_list("outcome", flat=True)[:1000]
    counts = Counter(latest)
    return [(o.value, o.value.capitalize(), counts[o.value]) for o in Outcome if counts[o.value]]
