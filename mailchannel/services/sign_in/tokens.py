"""Access tokens: cached, and renewed by one worker at a time.

Some providers let a refresh token be used once and take a second use for theft. So whoever renews first claims the row
in a short transaction, asks the provider outside of any transaction, and keeps the new tokens before using them. The
others go on with the old access token while it is good, or wait.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from mailchannel.models import MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import SignInFailed, Way
from mailchannel.services.sign_in import rows, telling
from mailchannel.services.sign_in.application import PREFIX, Application
from mailchannel.services.sign_in.clients import client_of
from mailchannel.services.sign_in.grants import Grant
from mailchannel.services.sign_in.refusals import CONSENT
from mailchannel.services.sign_in.rows import ACCESS, CLAIM, CLAIMED_UNTIL, REFRESH, RENEW_AFTER

#: A token is renewed so long before its end; a short-lived one after half its life.
EARLY = timedelta(minutes=5)
REQUESTS = 2  # that a renewal takes at most, each as long as the timeout
_GRACE = 5.0
_POLL = 0.05  # seconds
State = SignIn.State


@dataclass(frozen=True, slots=True)
class _Turn:
    """A token to use; or a claim, with what to renew by; or neither: somebody else is renewing."""

    token: str = field(default="", repr=False)
    claim: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)


class TokenSource:
    """What a Way asks for tokens. Asked again although the last one is still current, that one was refused: it is
    renewed, once."""

    def __init__(self, server: MailServer, purpose: str, way: Way) -> None:
        self._server = server
        self._purpose = purpose
        self._way = way
        self._given = ""
        self._insisted = False

    def __call__(self) -> str:
        refused = "" if self._insisted else self._given
        token = access_token(self._server, self._purpose, self._way, refused=refused)
        self._insisted = bool(refused) and token != self._given
        self._given = token
        return token


def access_token(server: MailServer, purpose: str, way: Way, *, refused: str = "") -> str:
    """A token to sign in with for this purpose; another one than `refused`. Raises SignInFailed.

    `way` leads to the identity provider. Not to be called inside a transaction: others have to see the claim.
    """
    application = Application.of(server, purpose)
    where = rows.home(server, application)
    row = SignIn.objects.filter(server=where, purpose=application.purpose).first() if where.pk else None
    if row is None or not rows.belongs(row, application):
        if not rows.is_stored(server, application):
            return _for_once(application, way)
        row, _ = SignIn.objects.get_or_create(server=where, purpose=application.purpose)
    elif fresh := _fresh(row, refused):
        return fresh  # without taking any lock
    deadline = time.monotonic() + way.timeout
    while True:
        turn = _turn(row.pk, application, way, refused)
        if turn.token:
            return turn.token
        if turn.claim:
            return _renew(row.pk, application, way, turn)
        if time.monotonic() > deadline:
            raise application.failed("Another worker has been renewing the sign-in for too long. We try again later.")
        time.sleep(_POLL)


def keep(row: SignIn, application: Application, grant: Grant, *, refresh: str = "") -> None:
    """Puts new tokens into the row, which the caller has locked; `refresh` is the one to keep when none came back."""
    now = timezone.now()
    life = timedelta(seconds=grant.life)
    row.tokens = Secrets(
        {
            rows.APPLICATION: application.fingerprint,
            ACCESS: grant.access,
            REFRESH: grant.refresh or refresh,
            RENEW_AFTER: (now + life - min(EARLY, life / 2)).isoformat(),
        }
    )
    row.state, row.error = State.CONNECTED, ""
    row.expires_at, row.renewed_at = now + life, now
    row.account = grant.names[0] if grant.names else row.account
    row.save()


@transaction.atomic
def _turn(pk: int, application: Application, way: Way, refused: str) -> _Turn:
    row = SignIn.objects.select_for_update().get(pk=pk)
    mine = rows.belongs(row, application)
    tokens = row.tokens if mine else Secrets()
    now = timezone.now()
    if mine and (fresh := _fresh(row, refused)):
        return _Turn(token=fresh)
    if now < _moment(row.tokens.get(CLAIMED_UNTIL)):
        still_good = mine and row.expires_at and now < row.expires_at
        return _Turn(token=_unless(refused, tokens) if still_good else "")
    if mine and row.state == State.NEEDS_CONSENT and not application.by_itself:
        raise application.failed(row.error or _nobody(application), CONSENT, permanent=True)
    refresh = tokens.get(REFRESH, "") or application.pasted
    if not refresh and not application.by_itself:
        raise application.failed(_nobody(application), CONSENT, permanent=True)
    until = now + timedelta(seconds=REQUESTS * way.timeout + _GRACE)
    claim = {CLAIM: secrets.token_hex(16), CLAIMED_UNTIL: until.isoformat()}
    row.tokens = Secrets({**row.tokens, **claim})
    row.save(update_fields=["tokens"])
    return _Turn(claim=claim[CLAIM], refresh=refresh)


def _renew(pk: int, application: Application, way: Way, turn: _Turn) -> str:
    try:
        client = client_of(application, way)
        grant = client.by_itself() if application.by_itself else client.renew(turn.refresh)
    except SignInFailed as error:
        _give_up(pk, application, turn, error)
        raise
    except BaseException:
        _give_up(pk, application, turn, SignInFailed(""))
        raise
    with transaction.atomic():
        row = SignIn.objects.select_for_update().get(pk=pk)
        if row.tokens.get(CLAIM) == turn.claim:  # else somebody has signed in anew meanwhile, and that counts
            lost = row.state == State.NEEDS_CONSENT
            keep(row, application, grant, refresh=turn.refresh)
            if lost:
                telling.found_again(row.server)
    return grant.access


@transaction.atomic
def _give_up(pk: int, application: Application, turn: _Turn, error: SignInFailed) -> None:
    """Lets the others try; when a person has to sign in again, nobody tries until that has happened. An application by
    itself is let in as soon as its provider allows it, which nobody tells us: it goes on trying."""
    row = SignIn.objects.select_for_update().get(pk=pk)
    if row.tokens.get(CLAIM) != turn.claim:
        return
    row.tokens = Secrets({name: text for name, text in row.tokens.items() if name not in (CLAIM, CLAIMED_UNTIL)})
    row.error = str(error)
    lost = error.permanent and error.field == f"{PREFIX}{CONSENT}"
    told = rows.belongs(row, application) and row.state == State.NEEDS_CONSENT
    if lost:
        row.tokens = Secrets({rows.APPLICATION: application.fingerprint})
        row.state, row.expires_at = State.NEEDS_CONSENT, None
    row.save()
    if lost and not told:
        telling.lost(row)


def _for_once(application: Application, way: Way) -> str:
    """For settings that are not saved. A refresh token is not used for a try: the one that came back would be lost."""
    if application.by_itself:
        return client_of(application, way).by_itself().access
    raise application.failed(
        "Save first, then sign in: the sign-in is kept together with the settings.", CONSENT, permanent=True
    )


def _fresh(row: SignIn, refused: str) -> str:
    """The token at hand, unless it is time to renew it."""
    token = _unless(refused, row.tokens)
    return token if token and timezone.now() < _moment(row.tokens.get(RENEW_AFTER)) else ""


def _unless(refused: str, tokens: Mapping[str, str]) -> str:
    token = tokens.get(ACCESS, "")
    return token if token != refused else ""


def _nobody(application: Application) -> str:
    who = f" as {application.account}" if application.account else ""
    return (
        f"Nobody has signed in{who} at {application.provider} with these settings yet. Sign in on the Connection page."
    )


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=timezone.get_default_timezone())
