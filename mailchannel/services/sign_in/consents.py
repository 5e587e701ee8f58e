"""A person is sent to the identity provider to sign in, and comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from mailchannel.models import Consent, MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import Way
from mailchannel.services import audit
from mailchannel.services.sign_in import rows, telling, tokens
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.clients import client_of
from mailchannel.services.sign_in.grants import Grant

PATIENCE = timedelta(minutes=10)
_KEPT_FOR = timedelta(days=1)
NOT_YOURS = (
    "This sign-in does not belong to what you began here: it was used already, is older than ten minutes, or was begun "
    "by somebody else or in another browser. Nothing was stored. Begin again on the mail server's Connection page."
)


class ConsentRefused(Exception):
    """Said to the person in front of the page."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`signed_in` differs from `expected`: the person has to say that this is right before anything is used."""

    consent: Consent
    expected: str
    signed_in: str
    agreed: bool


def redirect_url() -> str:
    """To be registered with the application at the provider."""
    return f"{settings.PUBLIC_URL}{reverse('oauth_callback')}"


def begin(server: MailServer, purpose: str, way: Way, *, by: User, session: str) -> str:
    """Where to send the person. Raises SignInFailed."""
    application = Application.of(server, purpose)
    begun = client_of(application, way).begin(redirect_url())
    Consent.objects.filter(created__lt=timezone.now() - _KEPT_FOR).delete()
    consent = Consent(state_hash=_hash(begun.state), server=server, purpose=purpose, user=by)
    consent.flow = Secrets(kept=begun.kept, session=_hash(session), application=application.fingerprint)
    consent.save()
    return begun.url


def claim(answer: Mapping[str, str], *, by: User, session: str) -> Consent:
    """Whose sign-in comes back. Once only, and only to who began it. Raises ConsentRefused."""
    found = Consent.objects.filter(
        state_hash=_hash(answer.get("state", "")),
        user=by,
        used_at=None,
        created__gt=timezone.now() - PATIENCE,
    )
    consent = found.select_related("server").first()
    if consent is None or consent.flow.get("session") != _hash(session):
        raise ConsentRefused(NOT_YOURS)
    if found.update(used_at=timezone.now()) != 1:
        raise ConsentRefused(NOT_YOURS)
    return consent


def finish(consent: Consent, answer: Mapping[str, str], way: Way) -> Outcome:
    """Changes the answer for tokens, and stores them if the right account has signed in. Raises SignInFailed."""
    application = _application(consent)
    grant = client_of(application, way).finish(consent.flow["kept"], answer)
    if not grant.refresh:
        raise application.failed(
            f"{application.provider} gave no lasting access (refresh token), so the sign-in would end within the hour. "
            "Let the scope hold what the provider wants for it, often offline_access.",
            "scopes",
            permanent=True,
        )
    agreed = any(name.casefold() in application.accounts for name in grant.names)
    outcome = Outcome(consent, application.account, grant.names[0] if grant.names else "", agreed)
    if agreed:
        _connect(consent, application, grant)
    else:
        consent.flow = _put_by(grant, application)
        consent.save(update_fields=["flow"])
    return outcome


def insist(pk: int, *, by: User) -> Consent:
    """The person says that the other account is the right one. Raises ConsentRefused, SignInFailed."""
    with transaction.atomic():
        found = Consent.objects.select_for_update().filter(pk=pk, user=by, created__gt=timezone.now() - PATIENCE)
        consent = found.first()
        if consent is None or "access" not in consent.flow:
            raise ConsentRefused(NOT_YOURS)
        grant = _taken_up(consent.flow)
        application = _application(consent)
        _connect(consent, application, grant)
    return consent


def disconnect(server: MailServer, purpose: str, *, by: User) -> bool:
    """Raises SignInFailed where the settings are not complete. False: nobody was signed in."""
    with transaction.atomic():
        gone = rows.forget(server, purpose, because="Somebody has disconnected it here. Sign in again to go on.")
        if gone:
            label = SignIn.Purpose(purpose).label
            audit.record(server.live, by=by, message=f"Disconnected the sign-in for {label}.")
    return gone


@transaction.atomic
def _connect(consent: Consent, application: Application, grant: Grant) -> None:
    where = rows.home(consent.server, application)
    row, _ = SignIn.objects.get_or_create(server=where, purpose=application.purpose)
    row = SignIn.objects.select_for_update().get(pk=row.pk)
    row.account = ""
    row.consented_at = timezone.now()
    tokens.keep(row, application, grant)
    Consent.objects.filter(pk=consent.pk).update(flow=Secrets())
    if where.draft_of_id is None:
        telling.found_again(where)
        MailServer.objects.filter(pk=where.pk, status__in=MailServer.LIVE).update(next_fetch_at=timezone.now())
    who = f" as {audit.brief(grant.names[0])}" if grant.names else ""
    expected = "" if not grant.names or grant.names[0].casefold() in application.accounts else _other(application)
    label = SignIn.Purpose(application.purpose).label
    message = f"Signed in at {application.provider}{who} for {label}{expected}."
    audit.record(where.live, by=consent.user, message=message)


def _application(consent: Consent) -> Application:
    application = Application.of(consent.server, consent.purpose)
    if application.fingerprint != consent.flow.get("application"):
        raise application.failed("The settings were changed meanwhile, so nothing was stored. Begin again.")
    return application


def _other(application: Application) -> str:
    return f", although the mail server is {audit.brief(application.account)}"


def _put_by(grant: Grant, application: Application) -> Secrets:
    return Secrets(
        access=grant.access,
        refresh=grant.refresh,
        life=str(grant.life),
        names="\n".join(grant.names),
        application=application.fingerprint,
    )


def _taken_up(flow: Mapping[str, str]) -> Grant:
    names = tuple(name for name in flow["names"].split("\n") if name)
    return Grant(flow["access"], flow["refresh"], int(flow["life"]), names)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
