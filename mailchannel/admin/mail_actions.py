"""What a person can do with a received mail: try again, accept, put back, and allow or block its sender."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import fail_folder, judge_again, sender_lists
from mailchannel.services.judge_again import CannotJudge, Judged
from mailchannel.services.sender_lists import CannotChange, Plan, Verb

if TYPE_CHECKING:
    from mailchannel.admin.inbound import InboundMailAdmin

MOST_AT_ONCE: Final = 100
MAY_JUDGE: Final = "mailchannel.change_inboundmail"
MAY_CHANGE_LISTS: Final = ("mailchannel.change_mailserver", "mailchannel.publish_mailserver")
ACCEPTED: Final = (Outcome.OPENED, Outcome.ADDED)
WIDTHS: Final = ("address", "domain")
TITLES: Final = {Verb.ALLOW: "Allow this sender", Verb.BLOCK: "Block this sender"}

Service = Callable[..., Judged]


def may_judge(request: HttpRequest) -> bool:
    return request.user.has_perm(MAY_JUDGE)


def may_change_lists(request: HttpRequest) -> bool:
    return request.user.has_perms(MAY_CHANGE_LISTS)


def judge(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    return _judge(request, mail, judge_again.judge_again)


def accept(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    return _judge(request, mail, judge_again.accept)


def _judge(request: HttpRequest, mail: InboundMail, service: Service) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not may_judge(request):
        raise PermissionDenied
    judged = _attempt(request, mail, service)
    still_there = judged is None or InboundMail.objects.filter(pk=mail.pk).exists()
    return _page_of(mail) if still_there else redirect("admin:mailchannel_inboundmail_changelist")


def _attempt(request: HttpRequest, mail: InboundMail, service: Service) -> Judged | None:
    try:
        judged = _do(request, mail, service)
    except CannotJudge as error:
        messages.error(request, str(error))
        return None
    (messages.success if judged.outcome in ACCEPTED else messages.info)(request, judged.text)
    return judged


def _do(request: HttpRequest, mail: InboundMail, service: Service) -> Judged:
    """Raises CannotJudge."""
    judged = service(mail, by=request.user)
    if mail.outcome == Outcome.FAILED:
        fail_folder.all_resolved(mail.server)
    return judged


def judge_many(request: HttpRequest, mails: QuerySet[InboundMail], service: Service) -> None:
    """The oldest MOST_AT_ONCE of them, in order, so that an answer finds the ticket of what it answers."""
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    rows = list(mails.order_by("pk")[: MOST_AT_ONCE + 1])
    for mail in rows[:MOST_AT_ONCE]:
        try:
            counts[_do(request, mail, service).outcome.value] += 1
        except CannotJudge as error:
            refused[str(error)] += 1
    if counts:
        messages.success(request, ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common()) + ".")
    for text, number in refused.most_common(5):
        messages.error(request, f"{number}: {text}" if number > 1 else text)
    if len(rows) > MOST_AT_ONCE:
        messages.warning(
            request,
            f"Only the oldest {MOST_AT_ONCE} were done. Narrow the list down to the others, for example by time.",
        )


def allow(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    return _lists(admin, request, mail, Verb.ALLOW)


def block(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail) -> HttpResponse:
    return _lists(admin, request, mail, Verb.BLOCK)


def _lists(admin: InboundMailAdmin, request: HttpRequest, mail: InboundMail, verb: Verb) -> HttpResponse:
    """A page that says what would change; a POST does it."""
    if not may_change_lists(request):
        raise PermissionDenied
    server = MailServer.objects.defer("secrets").get(pk=mail.server_id)
    try:
        if request.method == "POST":
            return _change(request, server, mail, verb)
        plans = _choices({width: _plan(server, mail, verb, width) for width in WIDTHS})
    except CannotChange as error:
        messages.error(request, str(error))
        return _page_of(mail)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": TITLES[verb],
        "mail": mail,
        "server": server,
        "verb": verb.value,
        "plans": plans,
        "may_judge": may_judge(request) and not judge_again.why_not(mail, accept=False),
    }
    return TemplateResponse(request, "admin/mailchannel/sender.html", context)


def _choices(plans: dict[str, Plan]) -> dict[str, Plan]:
    """Where both come to the same it is called by its wider name."""
    address, domain = plans["address"], plans["domain"]
    same = address.changes and address.changes == domain.changes
    return {"domain": domain} if same else plans


def _plan(server: MailServer, mail: InboundMail, verb: Verb, width: str) -> Plan:
    return sender_lists.plan(server, mail.sender, verb=verb, whole_domain=width == "domain")


def _change(request: HttpRequest, server: MailServer, mail: InboundMail, verb: Verb) -> HttpResponse:
    by: Any = request.user
    whole = request.POST.get("width") == "domain"
    done = sender_lists.change(server, mail.sender, verb=verb, whole_domain=whole, by=by)
    said = "; ".join(done.changes)
    messages.success(request, f"In force from now on. {said[:1].upper()}{said[1:]}." if said else "Nothing to change.")
    if "again" in request.POST and may_judge(request):
        _attempt(request, mail, judge_again.judge_again)
    return _page_of(mail)


def _page_of(mail: InboundMail) -> HttpResponse:
    return redirect("admin:mailchannel_inboundmail_change", mail.pk)
