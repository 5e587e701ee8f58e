"""The published versions of a mail server's settings: what changed from one to the next, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from mailchannel.admin.routes import step_url
from mailchannel.models import MailServer, SettingsVersion
from mailchannel.services import rollback
from mailchannel.services.config_file import ConfigError
from mailchannel.services.versions import Change, changes

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One version and what it changed."""

    version: SettingsVersion
    changes: Sequence[Change]
    first: bool
    in_force: bool


def show(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    page = Paginator(server.versions.select_related("by"), PER_PAGE).get_page(request.GET.get("page"))
    context = admin.page_context(request, server, "versions") | {
        "page": page,
        "entries": _entries(server, page),
        "editable": admin.may_edit(request, server),
    }
    return TemplateResponse(request, "admin/mailchannel/versions.html", context)


def restore(admin: MailServerAdmin, request: HttpRequest, server: MailServer, number: int) -> HttpResponse:
    """Takes an earlier version back as a draft; nothing is in force before it is published."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server) or not request.user.is_authenticated:
        raise PermissionDenied
    version = get_object_or_404(SettingsVersion, server=server, number=number)
    try:
        rollback.restore(version, by=request.user)
    except ConfigError as error:
        reasons = " ".join(problem.text for problem in error.problems)
        messages.error(request, f"Version {number} does not fit any more: {reasons}")
        return redirect("admin:mailchannel_mailserver_versions", server.pk)
    messages.success(request, f"Version {number} is your draft now. Look at what it changes, then publish it.")
    return redirect(step_url("review", server))


def _entries(server: MailServer, page: Page[SettingsVersion]) -> list[Entry]:
    rows = list(page)
    if not rows:
        return []
    before = [*rows[1:], server.versions.filter(number__lt=rows[-1].number).first()]
    newest = server.versions.first()  # system defaults count as well in the mail server's own number
    return [
        Entry(
            version,
            changes(earlier.document, version.document) if earlier else (),
            first=earlier is None,
            in_force=version == newest,
        )
        for version, earlier in zip(rows, before, strict=True)
    ]
