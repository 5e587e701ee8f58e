"""Tell the sender of a new ticket that it exists, by a mail queued together with the ticket.

Only people are written to, and only so often: see `pipeline/courtesy.py` and `notices.over_limit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.utils import timezone

from mailchannel.compose.confirmation import CONFIRMATION_SPECS, compose_confirmation, filled_in, harmless_subject
from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Draft, Step
from mailchannel.kernel.specs import with_defaults
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, OutboundMail
from mailchannel.pipeline.courtesy import may_write_to_sender
from mailchannel.pipeline.gates.authentication import authenticated
from mailchannel.services.config import own_addresses
from mailchannel.services.leaving import can_send
from mailchannel.services.notices import Occasion, letter_about, over_limit
from mailchannel.services.queueing import queue
from tickets.api import Written

CAUSE: Final = "opened"
#: Tells our mails about one ticket apart in their ids; the number behind it is that of the received mail.
CONFIRMATION_ID: Final = "a"
#: Older mail is a backlog that is brought in; its senders do not wait for a sign of life any more.
OLDEST: Final = timedelta(days=3)


def confirm(
    row: InboundMail, mail: ParsedMail, draft: Draft, written: Written, channel: Channel, *, knows: Sequence[Step]
) -> tuple[Step, ...]:
    """Inside the transaction that opens the ticket. The step says for the trace who is told, or why nobody is.

    `knows` are the steps of notices: a sender who gets one learns the number from it.
    """
    wanted = with_defaults(CONFIRMATION_SPECS, row.server.confirmation)
    if not wanted["send_confirmation"]:
        return ()
    occasion = Occasion(row.server, row, mail, written)
    why_not = _why_not(occasion, channel, knows)
    if why_not:
        return (Step("confirmation", "sender", "none", f"not confirmed: {why_not}"),)
    assert mail.sender is not None  # noqa: S101 - courtesy has seen it; this tells the type checker
    email = mail.sender.email
    title = str(draft.fields.get("title") or "")
    text = filled_in(wanted["confirmation_text"], number=written.number, title=title, name=mail.sender.name)
    letter = letter_about(occasion, CONFIRMATION_ID, [email], harmless_subject(mail.subject), text)
    queue(
        OutboundMail(
            server=occasion.server,
            ticket_id=written.ticket_id,
            kind=OutboundMail.Kind.ACKNOWLEDGEMENT,
            cause=CAUSE,
            message_id=letter.message_id,
            envelope_from="",  # the null sender: a confirmation that cannot be delivered comes back to nobody
            recipients=[email],
            subject=letter.subject[:255],
            raw=compose_confirmation(letter),
        )
    )
    return (Step("confirmation", "sender", "queued", f"{email} is told the number {written.number}"),)


def _why_not(occasion: Occasion, channel: Channel, knows: Sequence[Step]) -> str:
    """In words for the trace; empty when the sender may be told."""
    server, mail = occasion.server, occasion.mail
    if not can_send(server):
        return f"no outgoing server is set for {server.name}"
    if any((step.stage, step.code, step.verdict) == ("notice", "sender", "queued") for step in knows):
        return "the notice about the files that were left out names the ticket already"
    if timezone.now() - occasion.row.received_at > OLDEST:
        return f"the mail arrived more than {OLDEST.days} days ago"
    sender = authenticated(mail, channel.acceptance)
    return may_write_to_sender(mail, own_addresses(server), sender) or _too_often(occasion)


def _too_often(occasion: Occasion) -> str:
    return over_limit(occasion.server, occasion.mail.sender.email) if occasion.mail.sender else ""
