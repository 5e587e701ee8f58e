"""The outbox: claim what was queued, send, try again.

An answer is sent at least once, always with the same Message-ID, so that a repeat folds into the first copy in the
customer's mail program.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from mailchannel.kernel.failpoints import hit
from mailchannel.models import OutboundMail
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.senders import SENDERS, Retry, SendError
from mailchannel.services import sent_copy, system_mail
from mailchannel.services.leaving import lacking
from mailchannel.services.patience import patience
from mailchannel.services.vault import sending_settings
from mailchannel.services.ways import sending_way

log = logging.getLogger(__name__)
State = OutboundMail.State

#: Minutes until the next try, by how often it was tried; the last value repeats until LAST_TRY.
QUICK = (1, 2, 5, 10, 30, 60)
SLOW = (15, 30, 60, 120, 240)
LAST_TRY = timedelta(days=3)
#: A mail claimed for so long belongs to a process that died.
ABANDONED = timedelta(minutes=10)


def send(pk: int) -> str:
    """Sends one due mail unless somebody else does; the state it is in afterwards."""
    now = timezone.now()
    due = OutboundMail.objects.filter(pk=pk, state=State.QUEUED, next_try_at__lte=now)
    if due.update(state=State.SENDING, claimed_at=now, attempts=F("attempts") + 1) != 1:
        return OutboundMail.objects.values_list("state", flat=True).get(pk=pk)
    hit("send.claimed")
    mail = OutboundMail.objects.select_related("server").get(pk=pk)
    try:
        remark = _hand_over_somehow(mail)
    except SendError as error:
        return _put_off(mail, error)
    hit("send.sent")
    state = _change(mail, State.SENT, sent_at=timezone.now(), error=remark)
    if missed := sent_copy.keep(mail):
        OutboundMail.objects.filter(pk=mail.pk, state=State.SENT).update(error=missed)
    return state


def due_mails() -> list[int]:
    """Keys of the mails to send now, oldest first. Mails a dead process left half sent are due again."""
    abandoned = OutboundMail.objects.filter(state=State.SENDING, claimed_at__lt=timezone.now() - ABANDONED)
    abandoned.filter(kind=OutboundMail.Kind.REPLY).update(state=State.QUEUED)
    abandoned.exclude(kind=OutboundMail.Kind.REPLY).update(
        state=State.FAILED,
        error="The process that sent it died; whether it went out is unknown, so it is not repeated.",
    )
    due = OutboundMail.objects.filter(state=State.QUEUED, next_try_at__lte=timezone.now())
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:200])


def _hand_over_somehow(mail: OutboundMail) -> str:
    """What people should know of how it went. The team hears of a mail server's trouble although that very server
    cannot send: the system's mail takes over.
    """
    try:
        _hand_over(mail)
    except SendError as error:
        if mail.kind != OutboundMail.Kind.ALERT:
            raise
        try:
            system_mail.send(bytes(mail.raw), sender=mail.server.address, recipients=mail.recipients)
        except system_mail.NotSent as other:
            raise SendError(f"{error} {other}", retry=error.retry, field=error.field, wait=error.wait) from None
        return f"Sent by the system's mail (EMAIL_URL), because: {error}"
    return ""


def _hand_over(mail: OutboundMail) -> None:
    server = mail.server
    if missing := lacking(server.sending_protocol, server.sending):
        raise SendError(
            f"No outgoing server is set for {server.name}. Enter one under Connection, Sending.",
            retry=Retry.SLOW,
            field=f"sending.{missing.name}",
        )
    try:
        wanted, way = sending_settings(server), sending_way(server)
    except SecretUnreadable as error:
        raise SendError(str(error), retry=Retry.PERMANENT, field="password") from error
    sender = SENDERS[server.sending_protocol](wanted, way)
    sender.send(bytes(mail.raw), envelope_from=mail.envelope_from, recipients=mail.recipients)


def _put_off(mail: OutboundMail, error: SendError) -> str:
    """A refusal of this very mail is final. One that names a setting ends when somebody mends the setting, so the
    answers that piled up meanwhile go out by themselves.
    """
    final = error.retry == Retry.PERMANENT and not error.field
    ladder = QUICK if error.retry == Retry.QUICK else SLOW
    minutes = ladder[min(mail.attempts, len(ladder)) - 1]
    rest = max(timedelta(minutes=minutes), patience(error.wait))
    log.warning("mail %s to %s was not sent: %s", mail.pk, mail.server, error)
    if final or timezone.now() - mail.created > LAST_TRY:
        return _change(mail, State.FAILED, error=str(error))
    return _change(mail, State.QUEUED, error=str(error), next_try_at=timezone.now() + rest)


def _change(mail: OutboundMail, state: State, **columns: object) -> str:
    """Only from SENDING: a mail somebody else took up meanwhile is theirs."""
    OutboundMail.objects.filter(pk=mail.pk, state=State.SENDING).update(state=state, **columns)
    return state
