"""Whether a mail server waits for a person to sign in."""

from __future__ import annotations

from mailchannel.models import MailServer, SignIn
from mailchannel.services.sign_in import rows
from mailchannel.services.sign_in.application import Application, by_token


def waits_at(server: MailServer, purpose: str) -> str:
    """The provider somebody has to sign in at before anything goes this way, the first time or once more; empty where
    nobody has to. Raises SignInFailed where the settings are not complete.
    """
    if not by_token(server, purpose):
        return ""
    application = Application.of(server, purpose)
    if application.by_itself:
        return ""
    row = rows.find(server, purpose)
    ready = row.state == SignIn.State.CONNECTED if row else application.pasted
    return "" if ready else application.provider
