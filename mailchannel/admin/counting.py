"""On the review page: how much mail lies in the mailbox, and from when on it becomes tickets."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime

from mailchannel.admin import review
from mailchannel.admin.routes import step_url
from mailchannel.models import MailServer
from mailchannel.services import drafts, publish
from mailchannel.services.mailbox_counts import Counts, count

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

YEARS: Final = range(1970, 9999)  # beyond them a moment has no date in some other time zone


def show(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """Beside the rest of the page where there is JavaScript, on the whole page where there is none."""
    _require(admin, request, server)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = count(drafts.working_copy(server), by=request.user if request.user.is_authenticated else None)
    if not request.headers.get("HX-Request"):
        return review.show(admin, request, server, counted=found)
    return TemplateResponse(request, "admin/mailchannel/_counts.html", _context(server, found))


def start(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """Sets the start date to one of the offered moments; empty, before publishing: what comes in after it."""
    _require(admin, request, server)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    typed = request.POST.get("start", "")
    moment = _moment(typed)
    if moment is None and (typed or server.published_at):
        messages.error(request, "That is no date and time.")
        return redirect(step_url("review", server))
    _set(request, server, moment)
    return redirect(step_url("review", server))


def _require(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> None:
    if not admin.may_edit(request, server):
        raise PermissionDenied


def _context(server: MailServer, found: Counts) -> dict[str, object]:
    return {"server": server, "counted": found, "editable": True}


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and is_aware(found) and found.year in YEARS else None


def _set(request: HttpRequest, server: MailServer, moment: datetime | None) -> None:
    before = drafts.working_copy(server).sync_start
    if before == moment:
        messages.info(request, "Nothing was changed.")
        return
    with transaction.atomic():
        edited = drafts.begin(server) if server.published_at else server
        edited.update(sync_start=moment)
        change = f"ignore mail before: {_said(before)} → {_said(moment)}"
        by = request.user if request.user.is_authenticated else None
        publish.settings_changed(edited, by=by, changes=[change])
    messages.success(request, f"Ignore mail before: {_said(moment)}.")


def _said(moment: datetime | None) -> str:
    return date_format(localtime(moment), "j M Y, H:i") if moment else "the moment you publish"
