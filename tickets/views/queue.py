"""The lists of tickets."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from tickets import hooks, queue
from tickets.models import Ticket
from tickets.numbering import format_number
from tickets.views.access import AgentRequest, agents_only


@require_safe
@agents_only
def tickets(request: AgentRequest) -> HttpResponseBase:
    words = request.GET.get("q", "").strip()
    number = queue.number_meant(words)
    if number and Ticket.objects.filter(pk=number).exists():
        return redirect("tickets:ticket", number=format_number(number))
    if request.htmx and request.GET.get("seen") == queue.newest_change():
        return HttpResponse(status=204)
    template = "tickets/_news.html" if request.htmx else "tickets/queue.html"
    return render(request, template, list_context(request))


def list_context(request: AgentRequest) -> dict[str, Any]:
    """What the navigation and the list need, on every page that has them."""
    words = request.GET.get("q", "").strip()[:200]
    view = None if words else queue.view_named(request.GET.get("view"))
    by = queue.narrowing(request.GET)
    rows = queue.narrowed(queue.listed(view, request.user) if view else queue.found(words), by)
    counts = queue.counts(request.user, by)
    place = {"view": view.key} if view else {"q": words}
    return {
        "view": view,
        "words": words,
        "page": queue.page(rows, request.GET.get("after", "")),
        "first_page": not request.GET.get("after"),
        "place": urlencode({**place, **by}),
        "narrowing": urlencode(by),
        "filters": queue.filters(by, place),
        "views": [(each, counts.get(each.key, "")) for each in queue.VIEWS],
        "current": request.GET.get("current", ""),
        "seen": queue.newest_change(),
        "notices": hooks.notices(request.user),
    }
