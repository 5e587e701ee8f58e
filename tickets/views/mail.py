"""How the mail behind a note was read."""

from __future__ import annotations

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tickets import hooks
from tickets.models import Note
from tickets.numbering import parse_number
from tickets.views.access import AgentRequest, agents_only


@require_safe
@agents_only
def mail(request: AgentRequest, number: str, pk: int) -> HttpResponseBase:
    """A piece of the ticket's page; without JavaScript a page of its own."""
    note = get_object_or_404(Note.objects.select_related("ticket"), pk=pk, ticket=parse_number(number) or 0)
    reading = hooks.reading(note.pk, request.user)
    if reading is None:
        raise Http404(f"Message {pk} did not come by mail.")
    template = "tickets/_mail.html" if request.htmx else "tickets/mail.html"
    return render(request, template, {"ticket": note.ticket, "note": note, "reading": reading})
