"""“Make a copy”, and what the review page says while two mail servers share a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from mailchannel.admin import wizard
from mailchannel.admin.routes import step_url
from mailchannel.models import MailServer, SignIn
from mailchannel.network.way import SignInFailed
from mailchannel.services import copying
from mailchannel.services.same_mailbox import Reader, readers
from mailchannel.services.sign_in.waiting import waits_at

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

MADE = "“{}” has the settings of “{}”, passwords included. Choose its template, then publish it."
NOBODY = "Nobody is signed in to it yet: sign in on its Connection page before you publish it."
NOT_IN_IT = "The changes that are not published yet are not in it."


@dataclass(frozen=True, slots=True)
class Shared:
    """Other mail servers that read the same mailbox: those at work keep this one from going live, the others do not."""

    at_work: tuple[Reader, ...] = ()
    paused: tuple[Reader, ...] = ()


def shared(settings: MailServer) -> Shared:
    found = readers(settings)
    return Shared(tuple(each for each in found if each.at_work), tuple(each for each in found if not each.at_work))


def make_copy(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.has_add_permission(request) or not request.user.is_authenticated:
        raise PermissionDenied
    made = copying.copy(server, by=request.user)
    messages.success(request, MADE.format(made, server))
    if any(_waits(made, purpose) for purpose in SignIn.Purpose):
        messages.info(request, NOBODY)
    if admin.has_draft(server):
        messages.info(request, NOT_IN_IT)
    here = wizard.SLUGS[min(wizard.reached(made), wizard.SLUGS.index("ticket"))]
    return redirect(step_url(here, made))


def _waits(server: MailServer, purpose: str) -> bool:
    """Where the settings are not complete, the Connection page says what is missing."""
    try:
        return bool(waits_at(server, purpose))
    except SignInFailed:
        return False
