"""What will stop working one day, and when: told before it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mailchannel.compose.alert import Words
from mailchannel.models import Alert, MailServer, OutboundMail, SignIn
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.network.way import SignInFailed
from mailchannel.services import alerts, authorities
from mailchannel.services.sign_in import rows
from mailchannel.services.sign_in.application import Application, by_token
from mailchannel.services.sign_in.specs import MICROSOFT, day
from mailchannel.services.sign_in.telling import EXPIRY

#: Days before the end on which people are told.
STEPS = (30, 7, 1, 0)
#: Days after which a refresh token nobody has used is void.
IDLE = {"Microsoft": 90, "Google": 180}
CAUSE = "forecast"
_PASSWORD = MailServer.Auth.PASSWORD
#: Mail servers that know of anything that ends: a thousand with nothing but a password cost one query.
_HAS_ENDS = ~Q(auth=_PASSWORD) | ~Q(sending_auth=_PASSWORD) | ~Q(authorities="")


@dataclass(frozen=True, slots=True)
class End:
    """`days` left; below zero: it has ended."""

    what: str
    on: date
    days: int
    todo: str

    @property
    def near(self) -> bool:
        return self.days <= STEPS[0]

    @property
    def step(self) -> int:
        """The one of STEPS that has been reached."""
        return min((step for step in STEPS if self.days <= step), default=STEPS[0])

    def __str__(self) -> str:
        ends = "ended on" if self.days < 0 else "ends on"
        return f"The {self.what} {ends} {self.on:%-d %B %Y}. {self.todo}"


def ends(server: MailServer, now: datetime | None = None) -> list[End]:
    """The next one first. Raises SecretUnreadable."""
    found = [*ends_of_certificates(server, now)]
    for purpose in SignIn.Purpose:
        found += [end for end in ends_of_sign_in(server, purpose, now) if end not in found]
    return sorted(found, key=lambda end: end.on)


def ends_of_sign_in(server: MailServer, purpose: SignIn.Purpose, now: datetime | None = None) -> list[End]:
    """Raises SecretUnreadable."""
    return _counted(_of_sign_in(server, purpose), now) if by_token(server, purpose) else []


def ends_of_certificates(server: MailServer, now: datetime | None = None) -> list[End]:
    """Of those trusted besides the usual ones."""
    todo = "Get the new one and enter it."
    held = authorities.held(server.authorities)
    return _counted([("trusted certificate", each.ends.date(), todo) for each in held], now)


def remind(now: datetime | None = None) -> int:
    """Rings, and mails the team, when an end is 30, 7 or 1 days ahead, and on the day itself; ends the alert where
    somebody has seen to it. How many times it rang. May run as often as you like.
    """
    rang = 0
    reminded = set(Alert.objects.filter(kind=EXPIRY, ended_at=None).values_list("server_id", flat=True))
    for server in MailServer.objects.exclude(status=MailServer.Status.DRAFT).filter(_HAS_ENDS | Q(pk__in=reminded)):
        try:
            near = [end for end in ends(server, now) if end.near]
        except SecretUnreadable:
            continue  # told elsewhere
        if near:
            rang += _tell(server, near)
        elif server.pk in reminded:
            alerts.end(server, EXPIRY)
    return rang


@transaction.atomic
def _tell(server: MailServer, near: list[End]) -> bool:
    text = "\n".join(map(str, near))
    told = f"{text}\n\n{_within(min(end.step for end in near))}"
    if Alert.objects.filter(server=server, kind=EXPIRY, ended_at=None, text=told).exists():
        return False
    cause = f"{CAUSE} {sha256(told.encode()).hexdigest()[:32]}"
    alerts.ring(server, EXPIRY, told)
    if not OutboundMail.objects.filter(server=server, cause=cause).exists():
        alerts.mail_team(server, Words(f"{server.name}: {near[0].what} ends soon", text), cause)
    return True


def _within(step: int) -> str:
    return "It is over." if step == 0 else f"That is within {step} day{'' if step == 1 else 's'}."


def _counted(found: Iterable[tuple[str, date, str]], now: datetime | None) -> list[End]:
    today = timezone.localdate(now)
    return [End(what, on, (on - today).days, todo) for what, on, todo in found]


def _of_sign_in(server: MailServer, purpose: SignIn.Purpose) -> Iterator[tuple[str, date, str]]:
    try:
        application = Application.of(server, purpose)
    except SignInFailed:
        return
    own = purpose == SignIn.Purpose.SENDING and server.sending_oauth.get("client_id")
    stored = server.sending_oauth if own else server.oauth
    if (on := day(str(stored.get("secret_expires") or ""))) is not None:
        yield f"client secret for {purpose.label}" if own else "client secret", on, "Make a new one and enter it."
    idle = IDLE.get("Microsoft" if application.auth == MICROSOFT else application.provider)
    row = rows.find(server, purpose)
    if idle and row and row.state == SignIn.State.CONNECTED and not application.by_itself and row.renewed_at:
        on = timezone.localdate(row.renewed_at + timedelta(days=idle))
        yield "unused sign-in", on, "Every fetch puts this off; sign in again if nothing is fetched."
