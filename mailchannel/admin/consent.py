"""Signing in at an identity provider: the way there, the way back, and giving it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin as site
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.debug import sensitive_variables

from mailchannel.admin.routes import step_url
from mailchannel.models import Consent, MailServer, SignIn
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.network.way import SignInFailed
from mailchannel.services import drafts
from mailchannel.services.sign_in import consents, consistency, forecast, putting_right, rows
from mailchannel.services.sign_in.application import Application, by_token
from mailchannel.services.sign_in.consents import ConsentRefused, Outcome
from mailchannel.services.sign_in.forecast import End
from mailchannel.services.ways import provider_way

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

View = Callable[..., HttpResponse]
#: Tokens and codes pass through these pages.
#: With “no-referrer” the browser would name no origin for the forms of the page, and they would be refused.
_NEVER_KEPT = {"Cache-Control": "private, no-store", "Referrer-Policy": "same-origin"}
_PERMISSION = "mailchannel.change_mailserver"


@dataclass(frozen=True, slots=True)
class State:
    """How one sign-in is doing, for the wizard. `trouble` is what keeps anybody from signing in at all."""

    purpose: str
    label: str
    provider: str = ""
    account: str = ""
    expected: str = ""
    by_itself: bool = False
    pasted: bool = False
    row: SignIn | None = None
    trouble: str = ""
    ends: Sequence[End] = ()

    @property
    def connected(self) -> bool:
        return self.row is not None and self.row.state == SignIn.State.CONNECTED

    @property
    def tone(self) -> str:
        if not self.connected:
            return "" if self.by_itself and not (self.row and self.row.error) else "bad"
        return "warn" if any(end.near for end in self.ends) else "good"

    @property
    def text(self) -> str:
        if not self.connected:
            return "Signs in by itself" if self.by_itself else "Sign in again" if self.row else "Not signed in yet"
        return "Expiring" if self.tone == "warn" else "Connected"


def summary(server: MailServer) -> dict[str, Any]:
    """For the connection page: `sign_ins` to show, empty where passwords are used; what contradicts itself there."""
    if not server.pk:
        return {"sign_ins": []}
    states = [_state(server, purpose) for purpose in SignIn.Purpose if by_token(server, purpose)]
    shared = len(states) == 2 and states[1].row is not None and states[1].row == states[0].row
    return {
        "sign_ins": states[:1] if shared else states,
        "sign_in_serves_both": shared,
        "redirect_url": consents.redirect_url(),
        "redirect_is_plain": settings.PUBLIC_URL.startswith("http://"),
        "certificate_ends": [end for end in forecast.ends_of_certificates(server) if end.near],
        "contradictions": (found := consistency.contradictions(server) if states else []),
        "mendable": any(each.mendable for each in found),
    }


def is_missing(server: MailServer) -> bool:
    """A person has to sign in before the mailbox opens. False as well where the settings are not complete: the
    connection test says what is missing."""
    if not by_token(server, SignIn.Purpose.READING):
        return False
    state = _state(server, SignIn.Purpose.READING)
    return not (state.trouble or state.connected or state.by_itself or state.pasted)


def routes(route: Callable[..., View]) -> list[URLPattern]:
    """Of one mail server; `route` is MailServerAdmin._route."""
    name = "mailchannel_mailserver_{}".format
    return [
        path("<int:pk>/sign-in/<str:purpose>/", route(begin), name=name("sign_in")),
        path("<int:pk>/sign-out/<str:purpose>/", route(disconnect), name=name("sign_out")),
        path("<int:pk>/sign-in-as/<int:consent>/", route(insist), name=name("sign_in_as")),
        path("<int:pk>/put-right/", route(put_right), name=name("put_right")),
    ]


def begin(admin: MailServerAdmin, request: HttpRequest, server: MailServer, *, purpose: str) -> HttpResponse:
    """A page that leads on by itself: our own policy lets no form end at another site (form-action)."""
    person = _person(admin, request, server, purpose)
    if isinstance(person, HttpResponse):
        return person
    here, public = request.get_host().lower(), urlsplit(settings.PUBLIC_URL).netloc.lower()
    if here != public:
        text = f"Open this program as {settings.PUBLIC_URL} first: the provider sends you back there, not to {here}."
        return _told(request, server, text)
    edited = drafts.working_copy(server)
    try:
        session = request.session.session_key or ""
        url = consents.begin(edited, purpose, provider_way(edited), by=person, session=session)
    except SignInFailed as error:
        return _told(request, server, str(error), error.field)
    context = _context(request, f"Sign in for {server}") | {"url": url, "host": urlsplit(url).hostname}
    return TemplateResponse(request, "admin/mailchannel/consent_go.html", context, headers=_NEVER_KEPT)


@sensitive_variables("answer")
def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends people back to. Leads nowhere but to our own pages, whatever else the address says."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    if not isinstance(request.user, User) or not request.user.has_perm(_PERMISSION):
        raise PermissionDenied
    answer = {name: request.GET[name][:8_000] for name in ANSWERED if name in request.GET}
    try:
        consent = consents.claim(answer, by=request.user, session=request.session.session_key or "")
    except ConsentRefused as error:
        return _page(request, None, "This sign-in cannot be used", str(error), status=403)
    server = consent.server
    try:
        outcome = consents.finish(consent, answer, provider_way(server))
    except SignInFailed as error:
        return _page(request, server, "The sign-in did not work", str(error), field=error.field)
    except SecretUnreadable as error:
        return _page(request, server, "The sign-in did not work", str(error))
    if not outcome.agreed:
        return _other_account(request, outcome)
    messages.success(request, f"Signed in as {outcome.signed_in}.")
    return redirect(step_url("connection", server.live))


def insist(admin: MailServerAdmin, request: HttpRequest, server: MailServer, *, consent: int) -> HttpResponse:
    """“This is right”: another account than that of the mail server signed in, on purpose."""
    person = _person(admin, request, server)
    if isinstance(person, HttpResponse):
        return person
    found = Consent.objects.filter(pk=consent).select_related("server").first()
    if found is None or found.server.live.pk != server.pk:
        raise Http404("There is no such sign-in.")
    try:
        consents.insist(consent, by=person)
    except (ConsentRefused, SignInFailed) as error:
        return _page(request, server, "This sign-in cannot be used", str(error), status=403)
    messages.success(request, "Signed in.")
    return redirect(step_url("connection", server))


def disconnect(admin: MailServerAdmin, request: HttpRequest, server: MailServer, *, purpose: str) -> HttpResponse:
    person = _person(admin, request, server, purpose)
    if isinstance(person, HttpResponse):
        return person
    try:
        gone = consents.disconnect(drafts.working_copy(server), purpose, by=person)
    except SignInFailed as error:
        return _told(request, server, str(error), error.field)
    messages.success(request, "Disconnected. Nobody is signed in any more." if gone else "Nobody was signed in.")
    return redirect(step_url("connection", server))


def put_right(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    person = _person(admin, request, server)
    if isinstance(person, HttpResponse):
        return person
    changed = putting_right.put_right(server, by=person)
    messages.success(
        request, "Put right. Look at the settings, then save." if changed else "Nothing had to be changed."
    )
    return redirect(step_url("connection", server))


#: What a provider may send back (RFC 6749, 4.1.2; `iss` of RFC 9207 and Microsoft's own are checked by its library).
ANSWERED = ("code", "state", "error", "error_description", "client_info", "session_state", "iss")

callback_view: View = site.site.admin_view(callback)


def _state(server: MailServer, purpose: SignIn.Purpose) -> State:
    try:
        application = Application.of(server, purpose)
    except SignInFailed as error:
        return State(purpose, purpose.label, trouble=str(error))
    row = rows.find(server, purpose)
    return State(
        purpose=purpose,
        label=purpose.label,
        provider=application.provider,
        account=row.account if row else "",
        expected=application.account,
        by_itself=application.by_itself,
        pasted=bool(application.pasted),
        row=row,
        ends=forecast.ends_of_sign_in(server, purpose),
    )


def _person(
    admin: MailServerAdmin, request: HttpRequest, server: MailServer, purpose: str = SignIn.Purpose.READING
) -> User | HttpResponse:
    """Who may do this, or the answer that they may not."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if purpose not in SignIn.Purpose.values:
        raise Http404("There is no such purpose.")
    if not admin.may_edit(request, server) or not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _told(request: HttpRequest, server: MailServer, text: str, field: str = "") -> HttpResponse:
    messages.error(request, text)
    return redirect(f"{step_url('connection', server)}{f'#id_{field}' if field else ''}")


def _other_account(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    server = outcome.consent.server
    context = _context(request, "Another account has signed in") | {
        "server": server,
        "outcome": outcome,
        "back": step_url("connection", server.live),
    }
    template = "admin/mailchannel/consent_other.html"
    return TemplateResponse(request, template, context, status=409, headers=_NEVER_KEPT)


def _page(
    request: HttpRequest, server: MailServer | None, title: str, text: str, *, field: str = "", status: int = 400
) -> HttpResponse:
    back = f"{step_url('connection', server.live)}{f'#id_{field}' if field else ''}" if server else ""
    context = _context(request, title) | {"text": text, "back": back, "server": server}
    template = "admin/mailchannel/consent_failed.html"
    return TemplateResponse(request, template, context, status=status, headers=_NEVER_KEPT)


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {**site.site.each_context(request), "title": title, "subtitle": None}
