"""Mail that was not taken at an inbox's door: its page and the bell say why, until a mail comes in."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from mailchannel.models import Alert, MailServer
from mailchannel.services import alerts

#: What can be wrong on our side of the door and on the provider's.
COMPARE = (
    "If that was your provider, compare what is entered there with this inbox: the URL with its secret and, where this "
    "inbox has them, the signing key or the topic in its settings."
)


def stranger(server: MailServer, why: str, times: int) -> None:
    """Somebody knew the address and could not prove to be the one who brings mail."""
    _say(server, f"Somebody was turned away because {why}, {_often(times)}. {COMPARE}")


def not_taken(server: MailServer, why: str, times: int) -> None:
    """Whoever brought the mail may bring it, and comes again for hours at most."""
    _say(server, f"Mail could not be taken and is brought again for some time, {_often(times)}: {why}")


def over(server: MailServer) -> None:
    """A mail came in."""
    if server.push_error:
        server.update(push_error="")
        alerts.end(server, Alert.Kind.TURNED_AWAY)


@transaction.atomic
def _say(server: MailServer, text: str) -> None:
    server.update(push_error=text)
    alerts.ring(server, Alert.Kind.TURNED_AWAY, text)


def _often(times: int) -> str:
    last = f"last on {timezone.localtime():%-d %B %H:%M}"
    return f"{times} time{'s' if times > 1 else ''} within an hour, {last}"
