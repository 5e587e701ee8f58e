"""People are told when nobody can sign in any more, and when it works again."""

from __future__ import annotations

from django.db import transaction

from mailchannel.compose.alert import Words
from mailchannel.models import Alert, MailServer, SignIn
from mailchannel.services import alerts
from mailchannel.services.sign_in import rows

SIGN_IN = Alert.Kind.SIGN_IN
EXPIRY = Alert.Kind.EXPIRY
CAUSE = "sign-in"


@transaction.atomic
def lost(row: SignIn) -> None:
    """Once per loss: the bell, and a mail to the team."""
    server = row.server.live
    if row.server.draft_of_id:
        return  # nothing in force is affected
    text = _text(row)
    alerts.ring(server, SIGN_IN, text)
    alerts.mail_team(server, Words(f"Somebody has to sign in again for {server.name}", text), f"{CAUSE} {row.pk}")


def found_again(server: MailServer) -> None:
    """Somebody has signed in, or other settings are in force. What is lost besides stays at the bell."""
    live = server.live
    in_use = (rows.find(live, purpose) for purpose in SignIn.Purpose.values)
    missing = next((row for row in in_use if row is not None and row.state == SignIn.State.NEEDS_CONSENT), None)
    if missing is None:
        alerts.end(live, SIGN_IN)
    elif alerts.is_open(live, SIGN_IN):
        alerts.ring(live, SIGN_IN, _text(missing))


def _text(row: SignIn) -> str:
    what = SignIn.Purpose(row.purpose).label
    return (
        f"The sign-in of {row.server.live.name} for {what} is not valid any more. {row.error}\n\n"
        "No mail is lost: it waits until the sign-in works."
    )
