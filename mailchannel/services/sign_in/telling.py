"""People are told when nobody can sign in any more, and when it works again."""

from __future__ import annotations

from django.db import transaction

from mailchannel.compose.alert import Words
from mailchannel.models import Alert, MailServer, SignIn
from mailchannel.services import alerts

SIGN_IN = Alert.Kind.SIGN_IN
EXPIRY = Alert.Kind.EXPIRY
CAUSE = "sign-in"


@transaction.atomic
def lost(row: SignIn) -> None:
    """Once per loss: the bell, and a mail to the team."""
    server = row.server.live
    if row.server.draft_of_id:
        return  # nothing in force is affected
    what = SignIn.Purpose(row.purpose).label
    text = (
        f"The sign-in of {server.name} for {what} is not valid any more. {row.error}\n\n"
        "No mail is lost: it waits until the sign-in works."
    )
    alerts.ring(server, SIGN_IN, text)
    alerts.mail_team(server, Words(f"Somebody has to sign in again for {server.name}", text), f"{CAUSE} {row.pk}")


def found_again(server: MailServer) -> None:
    """Somebody has signed in."""
    alerts.end(server.live, SIGN_IN)
