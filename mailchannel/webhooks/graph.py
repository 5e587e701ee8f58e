"""/inbound/graph/<number>-<token>/: Microsoft Graph says that mail has arrived. The mail itself is fetched."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from mailchannel.models.secrets import SecretUnreadable
from mailchannel.network.graph_news import consent_asked
from mailchannel.services import schedule
from mailchannel.services.watching import calls

log = logging.getLogger(__name__)

LONGEST = 1_000_000  # bytes; a call is a few hundred


@csrf_exempt
def receive(request: HttpRequest, address: str) -> HttpResponse:
    """What is not genuine is ignored, and whoever sent it learns nothing."""
    if request.method != "POST":
        answer = _answer(405, "News are posted here.")
        answer["Allow"] = "POST"
        return answer
    try:
        return _receive(request, address)
    except (DatabaseError, InterfaceError, OSError, SecretUnreadable):
        log.exception("news from Microsoft Graph could not be followed")
        return _answer(503, "Please come again later.")


def _receive(request: HttpRequest, address: str) -> HttpResponse:
    server = calls.called(address)
    if server is None:
        return _answer(404, "There is nobody here.")
    if (word := consent_asked(request.GET)) is not None:
        return _answer(200, word)
    if calls.is_news(server, request.read(LONGEST)):
        schedule.follow_soon(server.pk)
    else:
        log.warning("somebody called for %s without the word we have agreed upon", server.name)
    return _answer(202, "")


def _answer(status: int, said: str) -> HttpResponse:
    answer = HttpResponse(said, status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
