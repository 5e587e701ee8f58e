"""One ticket: read it, answer it, move it on."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tickets import answering, details, hooks, pages, services
from tickets.answering import Result
from tickets.detail_form import DetailForm
from tickets.forms import AnswerForm
from tickets.models import Ticket
from tickets.numbering import parse_number
from tickets.views.access import AgentRequest, agents_only
from tickets.views.queue import list_context

OVERTAKEN = "Somebody wrote while you did. Read the newest message; if your answer still fits, send it again."
# A frame may not do more than the page around it: pictures somebody asked for must be allowed on both.
_allow_pictures = csp_update({"img-src": ["http:", "https:"]})


@require_http_methods(["GET", "HEAD", "POST"])
@agents_only
def ticket(request: AgentRequest, number: str) -> HttpResponseBase:
    return _answer(request, _ticket(number)) if request.method == "POST" else _page(request, _ticket(number))


def _answer(request: AgentRequest, ticket: Ticket) -> HttpResponseBase:
    form = AnswerForm(request.POST, request.FILES, copies=pages.proposed_copies(ticket))
    if not form.is_valid():
        return _page(request, ticket, form, status=422)
    result = answering.write(ticket=ticket, agent=request.user, answer=form.answer())
    if result is Result.OVERTAKEN:
        form.add_error("text", OVERTAKEN)
        return _page(request, ticket, form, status=409)
    messages.success(request, _told(ticket, form, result))
    return _back(request, ticket)


@require_POST
@agents_only
def change_status(request: AgentRequest, number: str) -> HttpResponseBase:
    ticket = _ticket(number)
    status = request.POST.get("status", "")
    if status in Ticket.Status.values:
        services.set_status(ticket=ticket, agent=request.user, status=status)
        messages.success(request, f"{ticket.number} is now {Ticket.Status(status).label.lower()}.")
    return _back(request, ticket)


@require_POST
@agents_only
def assign(request: AgentRequest, number: str) -> HttpResponseBase:
    """To the agent who asks, or to nobody."""
    ticket = _ticket(number)
    to = request.user if request.POST.get("to") == "me" else None
    services.assign(ticket=ticket, agent=request.user, to=to)
    messages.success(request, f"{ticket.number} is {'yours' if to else 'free for anybody'} now.")
    return _back(request, ticket)


@require_POST
@agents_only
def change_details(request: AgentRequest, number: str) -> HttpResponseBase:
    """Where the ticket belongs, and its template's own fields."""
    ticket, who = _ticket(number), details.reader(request.user)
    form = DetailForm(request.POST, ticket=ticket, who=who)
    if not form.is_valid():
        return _page(request, ticket, detail_form=form, status=422)
    changed = details.change(ticket=ticket, agent=request.user, change=form.change(), who=who)
    messages.success(request, "Saved. The history says what was changed." if changed else "Nothing was changed.")
    return _back(request, ticket)


def _ticket(number: str) -> Ticket:
    rows = Ticket.objects.select_related(
        *("requester", "assignee", "ticket_type", "template", "related"), *details.PLACES
    )
    found = rows.filter(pk=parse_number(number) or 0).first()
    if not found:
        raise Http404(f"There is no ticket {number}.")
    return found


def _page(
    request: AgentRequest,
    ticket: Ticket,
    form: AnswerForm | None = None,
    *,
    detail_form: DetailForm | None = None,
    status: int = 200,
) -> HttpResponseBase:
    who = details.reader(request.user)
    images_of = _whole_number(request.GET.get("images"))
    talk = pages.conversation(ticket, everything="all" in request.GET, images_of=images_of, sees_restricted=who.sees)
    copies = pages.proposed_copies(ticket)
    form = form or AnswerForm(copies=copies, initial={"cc": ", ".join(pages.participants(ticket))})
    about = _about(request, ticket, who, detail_form or DetailForm(ticket=ticket, who=who))
    context = {**list_context(request), **about, "talk": talk, "form": form, "current": ticket.number}
    response = render(request, "tickets/ticket.html", context, status=status)
    return _allow_pictures(lambda _: response)(request) if images_of else response


def _about(request: AgentRequest, ticket: Ticket, who: details.Reader, form: DetailForm) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "fields": pages.field_values(ticket, sees_restricted=who.sees),
        "detail_form": form,
        "participants": pages.participants(ticket),
        "earlier": pages.earlier_tickets(ticket),
        "origin": hooks.origin_link(ticket.pk, request.user),
    }


def _told(ticket: Ticket, form: AnswerForm, result: Result) -> str:
    if result is Result.REPEATED:
        return "That was sent already; it was not sent a second time."
    if form.cleaned_data["kind"] == AnswerForm.NOTE:
        return "Private note saved. Only agents can read it."
    solved = form.cleaned_data["then"] == Ticket.Status.SOLVED
    return f"On its way to {ticket.requester}. The ticket is {'solved' if solved else 'waiting for an answer'}."


def _back(request: AgentRequest, ticket: Ticket) -> HttpResponseBase:
    """The page the agent came from, still beside the same list."""
    url, place = reverse("tickets:ticket", args=[ticket.number]), request.GET.urlencode()
    return redirect(f"{url}?{place}" if place else url)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
