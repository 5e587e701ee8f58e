"""The installation's own way to send mail (EMAIL_URL): for the team, when a mail server cannot send for itself."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email import message_from_bytes, policy
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from mailchannel.compose.headers import LOOP_HEADER

#: What these write reaches nobody.
_TO_NOBODY: Final = tuple(f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy"))
_TIMEOUT = 20  # seconds; Django's own default is to wait for ever
_KEPT: Final = ("Message-ID", "Date", "Auto-Submitted", "X-Auto-Response-Suppress", LOOP_HEADER)


class NotSent(Exception):
    """Said in words an administrator understands."""


def ready() -> bool:
    return settings.EMAIL_BACKEND not in _TO_NOBODY


def send(raw: bytes, *, sender: str, recipients: Sequence[str]) -> None:
    """Sends a mail of ours without files. `sender` is used unless the system's account is an address itself.

    Raises NotSent.
    """
    if not ready():
        raise NotSent("The system's mail (EMAIL_URL) is not set up either.")
    ours = message_from_bytes(raw, policy=policy.default)
    body = ours.get_body(("plain",))
    account = str(getattr(settings, "EMAIL_HOST_USER", "") or "")
    mail = EmailMessage(
        subject=str(ours["Subject"]),
        body=body.get_content() if body else "",
        from_email=account if "@" in account else sender,
        to=list(recipients),
        headers={name: str(ours[name]) for name in _KEPT if ours[name]},
        connection=get_connection(timeout=_TIMEOUT),
    )
    try:
        mail.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotSent(f"The system's mail (EMAIL_URL) failed, too ({type(error).__name__}).") from None
