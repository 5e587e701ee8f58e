"""Pages about mail that could not be processed: look, download, put back; and what fetches wrote down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.http import StreamingHttpResponse as Streaming
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from mailchannel.admin.routes import step_url
from mailchannel.models import FetchRun, FolderMapping, InboundMail, MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services import audit, back_to_inbox, debug, error_reports, fail_folder, trouble

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

PER_PAGE = 50
Remote = InboundMail.Remote
_NEVER_SHOWN = {"Cache-Control": "private, no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}


@dataclass(frozen=True, slots=True)
class Line:
    """A failed mail, and in words where it lies."""

    mail: InboundMail
    title: str
    place: str


def summary(server: MailServer) -> dict[str, Any]:
    """For every page of the mail server: how many lie in the fail folder, and whether fetching stopped for it."""
    if not server.pk or not server.published_at or server.draft_of_id:
        return {}
    stopped = fail_folder.why_stopped(server)
    return {
        **({"status_text": "Stopped · too many failed mails", "tone": "bad"} if stopped else {}),
        "fail_folder": {
            "count": fail_folder.count(server),
            "failed": fail_folder.failed(server).count(),
            "applies": trouble.has_fail_folder(server),
            "name": server.folder(FolderMapping.Role.FAIL),
            "stop_after": trouble.most_failed(server),
            "stopped": stopped,
            "warning": fail_folder.warning(server),
        },
        "debug_until": server.debug_until if debug.is_on(server) else None,
    }


def show(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    _require(request, "view_inboundmail")
    rows = fail_folder.failed(server).only(*_SHOWN).order_by("-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = admin.page_context(request, server, "failed") | {
        "title": "Failed mail",
        "page": page,
        "lines": [Line(row, fail_folder.title(row), _place(server, row)) for row in page],
        "editable": admin.may_edit(request, server),
        "may_download": request.user.has_perm("mailchannel.view_raw_mail"),
        "reports": len(error_reports.of_unresolved(server)),
        "runs": debug.logged_runs(server),
        "hours": debug.HOURS,
        "kept_for": debug.KEPT_FOR.days,
        "folders_url": f"{step_url('folders', server)}#id_trouble-move_failed",
    }
    return TemplateResponse(request, "admin/mailchannel/fail_folder.html", context)


def put_back(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """Everything that failed, or the one mail that is named."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server) or not request.user.is_authenticated:
        raise PermissionDenied
    rows = fail_folder.failed(server).only("pk").order_by("pk")
    named = request.POST.get("mail", "")
    result = back_to_inbox.put_back(server, rows.filter(pk=named) if named.isdecimal() else rows, by=request.user)
    tell = messages.warning if result.error or result.left or result.gone else messages.success
    tell(request, " ".join(result.sentences))
    return redirect("admin:mailchannel_mailserver_failed", server.pk)


def reports(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponseBase:
    """One ZIP of the decrypted reports; who took it is recorded."""
    _require(request, "view_raw_mail")
    found = error_reports.of_unresolved(server)
    if not found:
        raise Http404("No failed mail, no report.")
    _record(request, server, f"Downloaded {len(found)} error reports.")
    name = f"error-reports-{server.pk}-{timezone.localdate():%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NEVER_SHOWN}
    packed: Iterator[bytes] = error_reports.archive(found)
    return Streaming(packed, content_type="application/zip", headers=headers)


def write_down(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """Switches debugging on for some hours, or off."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server) or not request.user.is_authenticated:
        raise PermissionDenied
    wanted = request.POST.get("hours", "")
    if wanted.isdecimal() and int(wanted) in debug.HOURS:
        debug.begin(server, hours=int(wanted), by=request.user)
        messages.success(request, f"The fetches of the next {wanted} h are written down, then it ends by itself.")
    else:
        debug.stop(server, by=request.user)
        messages.success(request, "Fetches are not written down any more.")
    return redirect("admin:mailchannel_mailserver_failed", server.pk)


def fetch_log(admin: MailServerAdmin, request: HttpRequest, server: MailServer, run: int) -> HttpResponse:
    """What one fetch wrote down, on a page; as a file with `?download`."""
    _require(request, "view_raw_mail")
    try:
        found = FetchRun.objects.filter(pk=run, server=server).first()
    except SecretUnreadable as error:
        messages.error(request, str(error))
        return redirect("admin:mailchannel_mailserver_failed", server.pk)
    if found is None or not found.log:
        raise Http404("Nothing was written down about this fetch, or it was too long ago.")
    taken = "download" in request.GET
    _record(request, server, f"{'Downloaded' if taken else 'Looked at'} the log of the fetch of {found.started:%c}.")
    if taken:
        headers = {"Content-Disposition": f'attachment; filename="fetch-{run}.txt"', **_NEVER_SHOWN}
        return HttpResponse(found.log, content_type="text/plain; charset=utf-8", headers=headers)
    context = admin.page_context(request, server, "failed") | {"title": "What a fetch did", "run": found}
    return TemplateResponse(request, "admin/mailchannel/fetch_log.html", context)


#: Path behind the mail server's own, view, name.
ROUTES: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("failed/", show, "failed"),
    ("failed/back/", put_back, "put_back"),
    ("failed/reports/", reports, "reports"),
    ("failed/debug/", write_down, "debug"),
    ("failed/log/<int:run>/", fetch_log, "fetch_log"),
)

_SHOWN = (
    *("subject", "sender", "reason", "because", "received_at", "settled_at", "retry_at"),
    *("remote", "filed_to", "folder", "epoch", "transport", "headers_only", "size"),
)


def _place(server: MailServer, mail: InboundMail) -> str:
    if mail.remote == Remote.MOVED:
        return f"in {mail.filed_to}"
    if fail_folder.waits_in_inbox(server, mail):
        return "back in the inbox; waits for the next fetch"
    if mail.retry_at:
        return "put back, but the last fetch did not find it in the inbox"
    if mail.remote == Remote.DELETED:
        return "only here: it was deleted on the mail server after an earlier judgement"
    if mail.remote == Remote.PENDING:
        return f"in {mail.folder}, to be filed"
    if not mail.folder or not trouble.has_fail_folder(server):
        return "only here"
    return f"left in {mail.folder}" if mail.remote == Remote.KEPT else f"in {mail.folder}, which was renumbered"


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(f"mailchannel.{permission}"):
        raise PermissionDenied


def _record(request: HttpRequest, server: MailServer, what: str) -> None:
    audit.record(server, by=request.user if request.user.is_authenticated else None, message=what)
