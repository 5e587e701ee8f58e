"""Where the tokens of a mail server lie, and whether they still belong to its settings."""

from __future__ import annotations

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from mailchannel.models import MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import SignInFailed
from mailchannel.services.sign_in.application import Application, by_token

#: Names of what lies in the encrypted column.
ACCESS, REFRESH, RENEW_AFTER, APPLICATION = "access", "refresh", "renew_after", "application"
CLAIM, CLAIMED_UNTIL = "claim", "claimed_until"


def home(server: MailServer, application: Application) -> MailServer:
    """Whose sign-in is used: next settings with the same application go on with that of the settings in force."""
    live = server.draft_of
    if live is not None and _fingerprint(live, application) == application.fingerprint:
        return live
    return server


def find(server: MailServer, purpose: str) -> SignIn | None:
    """The sign-in in use, whatever its state. None: nobody has signed in with these settings."""
    try:
        application = Application.of(server, purpose)
    except SignInFailed:
        return None
    where = home(server, application)
    row = SignIn.objects.filter(server=where, purpose=application.purpose).first() if where.pk else None
    return row if row is not None and belongs(row, application) else None


def belongs(row: SignIn, application: Application) -> bool:
    return str(row.tokens.get(APPLICATION)) == application.fingerprint


def is_stored(server: MailServer, application: Application) -> bool:
    """False for settings that stand in a form only: tokens got with them could be kept nowhere."""
    stored = MailServer.everything.filter(pk=server.pk).first() if server.pk else None
    return stored is not None and _fingerprint(stored, application) == application.fingerprint


@transaction.atomic
def take_over(draft: MailServer, live: MailServer) -> None:
    """The draft is put in force: who signed in for it is signed in now."""
    for row in SignIn.objects.select_for_update().filter(server=draft):
        SignIn.objects.filter(server=live, purpose=row.purpose).delete()
        row.server = live
        row.save(update_fields=["server"])


def forget(server: MailServer, purpose: str, *, because: str) -> bool:
    """Throws the tokens away; nobody is signed in any more. False: nobody was. The caller's transaction."""
    application = Application.of(server, purpose)
    row = SignIn.objects.select_for_update().filter(server=home(server, application), purpose=application.purpose)
    found = row.first()
    if found is None:
        return False
    found.tokens = Secrets({APPLICATION: application.fingerprint})  # so that a pasted token is not taken up again
    found.state, found.error, found.expires_at = SignIn.State.NEEDS_CONSENT, because, None
    found.renewed_at = timezone.now()
    found.save()
    return True


def _fingerprint(server: MailServer, like: Application) -> str:
    for purpose in SignIn.Purpose.values:
        if by_token(server, purpose):
            with suppress(SignInFailed):
                application = Application.of(server, purpose)
                if application.purpose == like.purpose:
                    return application.fingerprint
    return ""
