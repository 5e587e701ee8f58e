"""/inbound/<provider>/<token>/: mail that is posted to us.

200 only once the mail is kept. Whatever keeps us from keeping it is answered with 503, so that the provider comes
again; a genuine provider never gets a redirect, 400, 403 or 413, because some of them give a mail up at that.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence
from typing import Final

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from mailchannel.models import MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services import inbox, push, turned_away
from mailchannel.services.push import Brought, NotTaken
from mailchannel.services.spool import PIECE, Spool, in_turn
from mailchannel.services.vault import connection_settings
from mailchannel.services.ways import provider_way
from mailchannel.webhooks.doors import DOORS, Inbox, Later, Posted, Refused, Unreadable

log = logging.getLogger(__name__)

#: A large mail may be in a request twice, and a third longer than it is.
ROOM: Final = 2.5
MORE_ROOM: Final = 1_000_000  # bytes
#: All of them are known before the first request comes: two at once must not find half of them.
KNOWN: Final = {door.key: door for door in DOORS}

_COUNTED_FOR: Final = 3_600  # seconds
_TROUBLE: Final = (DatabaseError, InterfaceError, OSError, MemoryError, SecretUnreadable, NotTaken)


class Interrupted(Exception):
    """Less came than was announced. Nobody hears our answer any more."""


@csrf_exempt
def receive(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """Never raises."""
    try:
        return _receive(request, door, token)
    except _TROUBLE as error:
        log.warning("mail for an inbox was not taken, it will be brought again: %s", error)
        said = str(error) if isinstance(error, NotTaken) else "Please come again later."
        return _answer(503, said)
    except Interrupted:
        return _answer(503, "The request ended early.")
    except Exception:
        log.exception("mail for an inbox was not taken in a way nobody planned; it will be brought again")
        return _answer(503, "Please come again later.")


def _receive(request: HttpRequest, door: str, token: str) -> HttpResponse:
    if request.method != "POST":
        return _no_post(request)
    server = inbox.find(token)
    if server is None or door not in KNOWN or inbox.door(server) != door:
        return _answer(404, "There is no such inbox.")
    if not inbox.knows(server, _secret(request)):
        return _refused(server, "the secret is missing or wrong")
    with Spool(int(limit(server.acceptance) * ROOM) + MORE_ROOM) as spool:
        _read(request, spool)
        with in_turn(spool.size):
            try:
                mails = _unpacked(server, door, request.META.get("CONTENT_TYPE", ""), spool)
            except Refused as error:
                return _refused(server, str(error))
            except Later as error:
                return _not_taken(server, str(error))
            kept = push.take(server, mails, transport=door) if mails else []
    if kept:
        push.settle_soon(server)
    return _answer(200, "kept" if kept else "known already" if mails else "heard")


def _unpacked(server: MailServer, door: str, content_type: str, spool: Spool) -> Sequence[Brought]:
    posted = Posted(content_type, spool.content(), spool.size)
    try:
        return KNOWN[door].unpack(posted, Inbox(connection_settings(server), lambda: provider_way(server)))
    except Unreadable as error:
        return [Brought(posted.body, size=posted.size, unreadable=str(error))]


def _read(request: HttpRequest, spool: Spool) -> None:
    """Whatever its size, piece by piece; Django's own reading refuses what is large. Raises OSError, Interrupted."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    chunked = not announced and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if chunked else request
    while piece := stream.read(PIECE):
        spool.write(piece)
    if announced.isdecimal() and spool.size < int(announced):
        raise Interrupted


@sensitive_variables()
def _secret(request: HttpRequest) -> str:
    """As a password (whatever the user name), as a token, or in a header of its own."""
    kind, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() == "bearer":
        return str(value.strip())
    if kind.lower() != "basic":
        return str(request.META.get("HTTP_X_INBOX_SECRET", ""))
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _refused(server: MailServer, why: str) -> HttpResponse:
    if times := _worth_saying(f"inbox-refused-{server.pk}"):
        log.warning("somebody called at the inbox of %s, and %s (%d within an hour)", server.name, why, times)
        turned_away.stranger(server, why, times)
    answer = _answer(401, "The secret of this inbox, or a signature, is missing or wrong.")
    answer["WWW-Authenticate"] = 'Basic realm="inbox", charset="UTF-8"'  # Amazon SNS and others wait to be asked
    return answer


def _not_taken(server: MailServer, why: str) -> HttpResponse:
    if times := _worth_saying(f"inbox-not-taken-{server.pk}"):
        log.warning("mail for %s was not taken, it will be brought again: %s", server.name, why)
        turned_away.not_taken(server, why, times)
    return _answer(503, why)


def _worth_saying(name: str) -> int:
    """Counts it for an hour; how often it was, at the first time, the tenth, the hundredth, …, else 0."""
    cache.add(name, 0, _COUNTED_FOR)
    try:
        times = cache.incr(name)
    except ValueError:  # the hour was over just now
        times = 1
    return times if str(times).strip("0") == "1" else 0


def _no_post(request: HttpRequest) -> HttpResponse:
    """The same for every address, so that nobody learns which of them there are."""
    if request.method == "HEAD":  # some try an address out
        return _answer(200, "")
    answer = _answer(405, "Mail is posted here.")
    answer["Allow"] = "POST, HEAD"
    return answer


def _answer(status: int, said: str) -> HttpResponse:
    answer = HttpResponse(f"{said}\n", status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
