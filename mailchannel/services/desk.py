"""What the mail channel answers when the agents' pages ask: was it sent, where did it come from, is mail coming in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.urls import reverse

from mailchannel.models import InboundMail, MailServer, OutboundMail
from tickets.api import Delivery, Notice

State = OutboundMail.State
_STATES = {
    State.QUEUED: Delivery("waiting to be sent"),
    State.SENDING: Delivery("being sent"),
    State.SENT: Delivery("sent", "good"),
}


def deliveries(note_ids: Sequence[int]) -> Mapping[int, Delivery]:
    rows = OutboundMail.objects.filter(note_id__in=note_ids).values_list("note_id", "state", "error")
    return {note_id: _delivery(State(state), error) for note_id, state, error in rows if note_id}


def trace_link(ticket_id: int, user: AbstractBaseUser | AnonymousUser) -> str:
    """The page that tells why the mail became this ticket, for those who may read the mail log."""
    if not (isinstance(user, PermissionsMixin) and user.has_perm("mailchannel.view_inboundmail")):
        return ""
    first = InboundMail.objects.filter(ticket_id=ticket_id).order_by("pk").values_list("pk", flat=True).first()
    return reverse("admin:mailchannel_inboundmail_change", args=[first]) if first else ""


def channel_notices(user: AbstractBaseUser | AnonymousUser) -> Sequence[Notice]:
    """Mailboxes that do not answer: a quiet queue may be a broken one."""
    broken = MailServer.objects.filter(status=MailServer.Status.ACTIVE).exclude(last_error="")
    may_mend = isinstance(user, PermissionsMixin) and user.has_perm("mailchannel.change_mailserver")
    return [
        Notice(
            f"No mail is coming in from {server.name} at the moment: {server.last_error}",
            reverse("admin:mailchannel_mailserver_change", args=[server.pk]) if may_mend else "",
            "bad",
        )
        for server in broken.only("name", "last_error")
    ]


def _delivery(state: State, error: str) -> Delivery:
    if state == State.FAILED:
        return Delivery("not delivered", "bad", error)
    if state == State.QUEUED and error:
        return Delivery("will be tried again", "warn", error)
    return _STATES[state]
