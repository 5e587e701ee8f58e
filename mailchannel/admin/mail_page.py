"""The page of one received mail: why it became what it became, its bytes, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from mailchannel.admin import mail_actions
from mailchannel.admin.trace import CHOSEN, TONES, sections, version_url
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, RawMail
from mailchannel.services import audit, fail_folder, judge_again, reading, retention, whereabouts
from mailchannel.services.restore import CannotRestore
from mailchannel.services.restore import restore as restore_file

if TYPE_CHECKING:
    from mailchannel.admin.inbound import InboundMailAdmin


def show(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    kept = RawMail.objects.filter(pk=mail.pk).exists()
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": mail.subject or "(no subject)",
        "mail": mail,
        "tone": TONES.get(Outcome(mail.outcome), ""),
        "chosen": CHOSEN[Outcome(mail.outcome)],
        "sections": sections(mail),
        "ticket_url": ticket_url(mail),
        "version_url": version_url(mail) if request.user.has_perm("mailchannel.view_mailserver") else "",
        "answer": whereabouts.answer(mail),
        "copies": mail.copies.count(),
        "why_gone": "" if kept else retention.why_gone(mail),
        "may_restore": kept and mail.note_id is not None and _may_restore(request),
        "may_download": kept and _may_download(request),
        **_offers(request, mail, kept=kept),
    }
    return TemplateResponse(request, "admin/mailchannel/trace.html", context)


def original(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    """The bytes as received, never shown in the page: a browser must not run what a stranger wrote."""
    raw = _raw(request, mail, "Downloaded the original.")
    if raw is None:
        return _say_why_gone(request, mail)
    headers = {
        "Content-Disposition": f'attachment; filename="mail-{mail.pk}.eml"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(raw, content_type="message/rfc822", headers=headers)


def source(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    """The beginning of the bytes as text, escaped like everything a stranger wrote."""
    raw = _raw(request, mail, "Looked at the source.")
    if raw is None:
        return _say_why_gone(request, mail)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": "Source",
        "mail": mail,
        "source": reading.source(raw),
        "longest": reading.LONGEST_SOURCE,
    }
    return TemplateResponse(request, "admin/mailchannel/source.html", context)


def restore(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    """Puts a file that was left out back on the ticket."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not _may_restore(request) or not request.user.is_authenticated:
        raise PermissionDenied
    number, digest = request.POST.get("number", ""), request.POST.get("sha256", "")
    try:
        name = restore_file(mail, number=number, digest=digest, by=request.user)
        messages.success(request, f"“{name}” is on the ticket now.")
    except CannotRestore as error:
        messages.error(request, str(error))
    return redirect("admin:mailchannel_inboundmail_change", mail.pk)


def ticket_url(mail: InboundMail) -> str:
    return reverse("tickets:ticket", args=[mail.ticket.number]) if mail.ticket else ""


def person(request: HttpRequest) -> Any:
    """Somebody who is signed in: the admin lets nobody else through."""
    return request.user


def _raw(request: HttpRequest, mail: InboundMail, what: str) -> bytes | None:
    """The original for somebody who may see it; that they did is recorded. None: it is not kept any more."""
    if not _may_download(request):
        raise PermissionDenied
    raw = RawMail.objects.filter(pk=mail.pk).first()
    if raw is None:
        return None
    audit.record(mail, by=person(request), message=what)
    return raw.content


def _say_why_gone(request: HttpRequest, mail: InboundMail) -> HttpResponse:
    messages.error(request, retention.why_gone(mail))
    return redirect("admin:mailchannel_inboundmail_change", mail.pk)


def _offers(request: HttpRequest, mail: InboundMail, *, kept: bool) -> dict[str, bool]:
    """Buttons of the page: what this person may do, and what can be done. Without the original nobody can judge."""
    judges = kept and mail_actions.may_judge(request)
    failed = mail.outcome == Outcome.FAILED and not fail_folder.waits_in_inbox(mail.server, mail)
    return {
        "offer_judge": judges and not judge_again.why_not(mail, accept=False),
        "offer_accept": judges and not judge_again.why_not(mail, accept=True),
        "offer_back": failed and request.user.has_perm("mailchannel.change_mailserver"),
        "offer_lists": "@" in mail.sender and mail_actions.may_change_lists(request),
    }


def _may_restore(request: HttpRequest) -> bool:
    return request.user.has_perm("mailchannel.restore_files")


def _may_download(request: HttpRequest) -> bool:
    return request.user.has_perm("mailchannel.view_raw_mail")
