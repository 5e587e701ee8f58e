"""What to tell a customer who asks where their mail is: true, and without our lists and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail
from tickets.api import format_number

#: Reason → the end of the answer; where a reason is not listed, its outcome speaks.
BY_REASON: Final[Mapping[str, str]] = {
    "ignored.auto_reply": "It was taken for an automatic message, so it did not become a ticket. Please write again if "
    "you sent it yourself.",
    "ignored.before_start_date": "It is older than our use of this helpdesk, so it did not become a ticket. Please "
    "write again if it is still open.",
    "ignored.blocked": "Mail from this address is not accepted here, so it did not become a ticket.",
    "ignored.not_addressed": "Our address did not stand in its To line, so it did not become a ticket. Please write "
    "to {address} directly.",
    "ignored.ticket_type": "It answers a ticket that takes no messages by mail. We have it and will come back to you.",
    "rejected.domain": "{address} takes mail of certain senders only, so it did not become a ticket. Please write "
    "from the address we know, or tell us if this one should be accepted.",
    "rejected.unknown_user": "{address} takes mail of people we know only, and this address is not among them. "
    "Please write from the address we know.",
    "rejected.new_tickets": "{address} takes no new requests by mail; answers to open tickets do arrive.",
    "failed.too_big": "It was too large to be taken in. Please send it with smaller files.",
}
BY_OUTCOME: Final[Mapping[Outcome, str]] = {
    Outcome.RECEIVED: "It is stored safely and is looked at within minutes.",
    Outcome.OPENED: "It became ticket {ticket}.",
    Outcome.ADDED: "It was added to ticket {ticket}.",
    Outcome.DUPLICATE: "The same mail had reached us before, so it was not added a second time.",
    Outcome.IGNORED: "It did not become a ticket. Please tell us if it should have become one.",
    Outcome.REJECTED: "It was not accepted as a ticket. Please write to us again from your usual address.",
    Outcome.HELD: "It waits for one of us to look at it.",
    Outcome.FAILED: "It could not be processed automatically. We have it and are looking after it.",
}


def answer(mail: InboundMail) -> str:
    """For copying into a letter. Says which mail, when it arrived and where, and what became of it."""
    when = timezone.localtime(mail.received_at)
    subject = f"Your mail “{mail.subject}”" if mail.subject else "Your mail without a subject"
    address = mail.server.address
    arrived = f"{subject} reached us on {date_format(when, 'j F Y')} at {when:%H:%M} ({when:%Z}) at {address}."
    number = mail.ticket_id or (mail.duplicate_of.ticket_id if mail.duplicate_of else None)
    ended = BY_REASON.get(mail.reason) or BY_OUTCOME[Outcome(mail.outcome)]
    if mail.outcome == Outcome.DUPLICATE and number:
        ended = "The same mail had reached us before; it is in ticket {ticket}."
    if mail.outcome in (Outcome.OPENED, Outcome.ADDED) and not number:
        ended = "It became part of a ticket, which does not exist any more."
    return f"{arrived} {ended.format(ticket=format_number(number) if number else '', address=address)}"
