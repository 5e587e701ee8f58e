"""The page of a forwarding inbox: what to enter where, the address and the secret, and whether a mail has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import admin as site
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_variables

from mailchannel.admin.inbox_steps import STEPS, Kind, Steps
from mailchannel.admin.routes import step_url
from mailchannel.models import MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services import inbox

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

View = Callable[..., HttpResponse]
TEMPLATE: Final = "admin/mailchannel/inbox.html"
#: A secret stands on this page once.
#: With “no-referrer” the browser would name no origin for the forms of the page, and they would be refused.
_NEVER_KEPT: Final[dict[str, Any]] = {"Cache-Control": "private, no-store", "Referrer-Policy": "same-origin"}


@dataclass(frozen=True, slots=True)
class State:
    """Has it been seen to work? For the page and for the piece of it that asks again and again."""

    tone: str
    text: str
    waits: bool


def page_url(server: MailServer) -> str:
    return reverse("inbox", args=[server.pk])


def state(server: MailServer) -> State:
    if not server.inbox_token:
        return State("", "No address yet", waits=False)
    if server.first_arrival_at is None:
        return State("warn", "Waiting for the first mail", waits=True)
    if server.status == MailServer.Status.DRAFT:
        return State(
            "good", "A mail arrived. Publish to process it: whoever brought it will bring it again.", waits=False
        )
    if server.status == MailServer.Status.PAUSED:
        return State("warn", "Mail arrives, and waits with whoever brings it until you resume.", waits=False)
    return State("good", "Mail arrives", waits=False)


def _view(view: View) -> View:
    """For those who may see this mail server, of which there is a page only if it is a forwarding inbox."""

    @wraps(view)
    def routed(request: HttpRequest, pk: int) -> HttpResponse:
        admin = _admin()
        server = admin.get_object(request, str(pk))
        if server is None or not inbox.is_inbox(server):
            raise Http404("There is no such inbox.")
        if not admin.has_view_or_change_permission(request, server):
            raise PermissionDenied
        try:
            return view(admin, request, server)
        except SecretUnreadable as error:
            messages.error(request, str(error))
            return redirect(step_url("connection", server))

    return site.site.admin_view(routed)


def _show(admin: MailServerAdmin, request: HttpRequest, server: MailServer, *, secret: str = "") -> HttpResponse:
    steps = STEPS[inbox.door(server)]
    context = admin.page_context(request, server, "inbox") | {
        "title": "Forwarding",
        "state": state(server),
        "steps": steps,
        "lines": _lines(server, steps, secret),
        "posted": steps.kind is Kind.POSTED,
        "address": inbox.address(server),
        "url": inbox.url(server),
        "secret": secret,
        "secret_url": inbox.url(server, secret) if secret else "",
        "secret_label": f"Secret (user name: {inbox.USER})",
        "has_secret": inbox.has_secret(server),
        "has_old": inbox.has_old_secret(server),
        "seen": _seen(server),
        "editable": admin.may_edit(request, server),
        "plain": settings.PUBLIC_URL.startswith("http://"),
        "listens": {"SMTP": settings.SMTP_LISTEN, "LMTP": settings.LMTP_LISTEN},
        "inbound_domain": inbox.inbound_domain(),
    }
    return TemplateResponse(request, TEMPLATE, context, headers=_NEVER_KEPT)


@_view
def show(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    return _show(admin, request, server)


@_view
def look(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """Asked every few seconds until the first mail is there."""
    context = {"server": server, "state": state(server)}
    return TemplateResponse(request, "admin/mailchannel/_inbox_state.html", context, headers=_NEVER_KEPT)


def _secret_view(make: Callable[..., str], done: str) -> View:
    """A button that may bring forth a secret, which this one answer shows. Pressed again, as when the page is loaded
    anew, it does nothing: `seen` says what the page knew.
    """

    @_view
    @sensitive_variables("secret")
    def pressed(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
        person = _person(admin, request, server)
        if isinstance(person, HttpResponse):
            return person
        with transaction.atomic():
            secret = make(server, by=person) if inbox.is_still(server, request.POST.get("seen", "")) else None
        if secret is None:
            messages.info(request, "That was done already. A secret is shown only once; make a new one if you need it.")
            return redirect(page_url(server))
        messages.success(request, done)
        return _show(admin, request, server, secret=secret)

    return pressed


@_view
def retire(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    person = _person(admin, request, server)
    if isinstance(person, HttpResponse):
        return person
    done = inbox.retire(server, by=person)
    messages.success(request, "Only the newest secret is valid now." if done else "There was no old secret.")
    return redirect(page_url(server))


open_up = _secret_view(inbox.open_up, "The inbox has an address. Copy the secret now: it is not shown again.")
rotate = _secret_view(inbox.rotate, "A new secret. The one before it is valid, too, until you take it back.")
revoke = _secret_view(inbox.revoke, "Address and secret are new. What was known before opens nothing any more.")

#: Below the page of the mail server.
patterns: list[URLPattern] = [
    path("", show, name="inbox"),
    path("look/", look, name="inbox_look"),
    path("open/", open_up, name="inbox_open"),
    path("rotate/", rotate, name="inbox_rotate"),
    path("retire/", retire, name="inbox_retire"),
    path("revoke/", revoke, name="inbox_revoke"),
]


def _admin() -> MailServerAdmin:
    found: Any = site.site.get_model_admin(MailServer)
    admin: MailServerAdmin = found
    return admin


def _person(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> User | HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not admin.may_edit(request, server) or not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _seen(server: MailServer) -> str:
    """Changes with address and secrets, and says nothing of them."""
    return inbox.fingerprint(server)


def _lines(server: MailServer, steps: Steps, secret: str) -> Sequence[str]:
    """The steps with what has to be entered put in; a secret that is not to be seen any more stays a word."""
    words = {
        "address": inbox.address(server) or "the address above",
        "url": inbox.url(server, secret or "SECRET") or "the URL above",
        "plain_url": inbox.url(server) or "the URL above",
        "domain": inbox.inbound_domain(),
        "mailbox": server.address or "your support address",
        "name": server.name,
        "smtp": str(settings.SMTP_LISTEN or "127.0.0.1:2525"),
        "lmtp": str(settings.LMTP_LISTEN or "127.0.0.1:2424"),
    }
    return [line.format(**words) for line in steps.lines]
