"""Look up, once, everything a decision is allowed to know of a mail. Read only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailchannel.compose.headers import Claim, read_message_id, read_reply_address, subject_tag
from mailchannel.kernel.channel import Channel, Facts, TicketFacts
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, OutboundMail
from mailchannel.services.repeats import Asked, repeated
from mailchannel.services.supposed import NOTHING, Supposed
from tickets.api import briefs, format_number, known_contacts, signed_number


@dataclass(frozen=True, slots=True)
class Question:
    """A mail whose facts are wanted. `row` is its own ledger row: it proves nothing about itself."""

    mail: ParsedMail
    received_at: datetime
    row: InboundMail | None = None


def gather(questions: Sequence[Question], channel: Channel, supposed: Supposed = NOTHING) -> list[Facts]:
    """The facts of each mail, in the same order; the number of queries does not depend on how many there are.

    `supposed` is what a dry run pretends to have happened on top of what is stored.
    """
    known = {**supposed.known, **_known(questions, supposed.unseen)}
    contacts = _contacts(questions, channel) - supposed.strangers | supposed.contacts
    repeats = repeated([_asked(each) for each in questions], channel, unseen=supposed.unseen, also=supposed.said)
    claims = [_claims(question.mail, known) for question in questions]
    numbers = {number for claim in claims for number in claim.numbers}
    stored = {b.number: TicketFacts(b.number, b.ticket_type, b.participants) for b in briefs(numbers).values()}
    tickets = {**supposed.tickets, **stored}
    return [
        Facts(
            received_at=question.received_at,
            duplicate_of=_first_copy(question.row),
            same_words_as=repeats_of,
            signed_ids=claim.signed,
            reply_addresses=claim.addresses,
            known_ids=claim.known,
            reported=claim.reported,
            subject_tag=claim.tag,
            tickets={number: tickets[number] for number in claim.numbers if number in tickets},
            sender_known=question.mail.sender is not None and question.mail.sender.email in contacts,
        )
        for question, claim, repeats_of in zip(questions, claims, repeats, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Claims:
    """What carried the claim → ticket number it names."""

    signed: dict[str, str]
    addresses: dict[str, str]
    known: dict[str, str]
    reported: dict[str, str]
    tag: str

    @property
    def numbers(self) -> set[str]:
        return {
            *self.signed.values(),
            *self.addresses.values(),
            *self.known.values(),
            *self.reported.values(),
            self.tag,
        } - {""}


def _claims(mail: ParsedMail, known: dict[str, str]) -> _Claims:
    return _Claims(
        signed=_verified({ancestor: read_message_id(ancestor) for ancestor in mail.ancestors}),
        addresses=_verified({a.email: read_reply_address(a.email) for a in (*mail.to, *mail.cc)}),
        known={ancestor: known[ancestor] for ancestor in mail.ancestors if ancestor in known},
        reported=_verified({original: read_message_id(original) for original in _originals(mail)}),
        tag=subject_tag(mail.subject),
    )


def _originals(mail: ParsedMail) -> tuple[str, ...]:
    return mail.report.original_ids if mail.report else ()


def _verified(claims: dict[str, Claim | None]) -> dict[str, str]:
    """Only claims whose signature is ours."""
    numbers = {what: signed_number(*claim) for what, claim in claims.items() if claim}
    return {what: number for what, number in numbers.items() if number}


def _known(questions: Sequence[Question], unseen: Collection[int]) -> dict[str, str]:
    """Message id → ticket number, for the mails of the ledger and of the outbox that are answered here."""
    ids = {ancestor for question in questions for ancestor in question.mail.ancestors}
    if not ids:
        return {}
    own = [question.row.pk for question in questions if question.row and question.row.pk]
    received = InboundMail.objects.filter(message_id__in=ids, ticket__isnull=False).exclude(pk__in=[*own, *unseen])
    found = dict(received.values_list("message_id", "ticket_id"))
    found |= dict(OutboundMail.objects.filter(message_id__in=ids).values_list("message_id", "ticket_id"))
    return {message_id: format_number(ticket_id) for message_id, ticket_id in found.items() if ticket_id}


def _first_copy(row: InboundMail | None) -> str:
    if row is None or row.duplicate_of is None:
        return ""
    first = row.duplicate_of
    which = f"mail {first.pk}" if first.pk else "an earlier one of these mails"
    return f"the same message as {which}, received {first.received_at:%Y-%m-%d %H:%M}"


def _asked(question: Question) -> Asked | None:
    """A copy of the same message needs no second reason, and of headers alone nobody knows the words."""
    row = question.row
    if row and (row.duplicate_of or row.headers_only):
        return None
    return Asked(question.mail, question.received_at, row.pk if row else None)


def _contacts(questions: Sequence[Question], channel: Channel) -> frozenset[str]:
    """Asked only where the answer matters: it costs a query."""
    if channel.acceptance.get("unknown_senders") != "refuse":
        return frozenset()
    return known_contacts({question.mail.sender.email for question in questions if question.mail.sender})
