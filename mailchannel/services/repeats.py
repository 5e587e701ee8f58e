"""Did the same sender say the very same just before? Read only, two queries for any number of mails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.types import ParsedMail, PartKind
from mailchannel.models import InboundMail
from mailchannel.parsing.identity import digests, plain_subject
from mailchannel.pipeline.gates.same_words import window
from tickets.api import format_number

#: The latest mails that opened tickets, looked at for one group of mails: a flood must not be read whole.
MOST_LISTED = 500
#: Of those with the same sender and subject so many are compared word for word.
MOST_COMPARED = 50


@dataclass(frozen=True, slots=True)
class Said:
    """A mail as far as it can repeat another one. `which` names it in words."""

    sender: str
    subject: str  # plain
    received_at: datetime
    digests: tuple[str, ...]
    which: str
    pk: int | None = None  # its row, where it has one

    @classmethod
    def by(cls, mail: ParsedMail, received_at: datetime, *, which: str = "", pk: int | None = None) -> Said:
        sender, subject = _names(mail)
        return cls(sender, subject, received_at, digests(mail.parts), which, pk)


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail of which it is asked whether it repeats another one. `row` is its own: it proves nothing about itself."""

    mail: ParsedMail
    received_at: datetime
    row: int | None = None


def repeated(
    asked: Sequence[Asked | None], channel: Channel, *, unseen: Collection[int] = (), also: Iterable[Said] = ()
) -> list[str]:
    """For each mail, in words, the one it repeats; empty when there is none. None is not asked.

    `unseen` are rows to overlook and `also` mails to compare with besides those stored, both for a dry run.
    """
    wanted = [each for each in asked if each and each.mail.sender]
    if not wanted or not window(channel.acceptance):
        return [""] * len(asked)
    before: dict[tuple[str, str], list[Said]] = defaultdict(list)
    for said in (*_stored(wanted, channel, unseen), *also):
        before[said.sender, said.subject].append(said)
    return [_repeats(each, before[_names(each.mail)], channel) if each else "" for each in asked]


def likeness(mail: ParsedMail) -> Hashable:
    """Mails that differ in this cannot repeat each other; quickly found out."""
    return *_names(mail), len(mail.text), len(mail.parts)


def _repeats(each: Asked, before: Sequence[Said], channel: Channel) -> str:
    near = [
        said
        for said in before
        if abs(said.received_at - each.received_at) <= window(channel.acceptance)
        and (said.pk is None or said.pk != each.row)
    ]
    own = digests(each.mail.parts) if near else ()
    first = next((said for said in near if said.digests == own), None)
    return f"the same sender, subject, words and files as {first.which}" if first else ""


def _stored(wanted: Sequence[Asked], channel: Channel, unseen: Collection[int]) -> list[Said]:
    """What was kept cannot have been received later, so the index on `kept_at` leaves the ledger's past out."""
    times = [each.received_at for each in wanted]
    first, last = min(times) - window(channel.acceptance), max(times) + window(channel.acceptance)
    names = {_names(each.mail) for each in wanted}
    rows = InboundMail.objects.filter(
        server_id=channel.server,
        sender__in={sender for sender, _ in names},
        outcome=Outcome.OPENED,
        received_at__range=(first, last),
        kept_at__gte=first,
    ).exclude(pk__in=unseen)
    listed = rows.order_by("-pk").values_list("pk", "sender", "subject")[:MOST_LISTED]
    alike = [pk for pk, sender, subject in listed if (sender, plain_subject(subject)) in names]
    return [_said(row) for row in InboundMail.objects.filter(pk__in=alike[:MOST_COMPARED])] if alike else []


def _said(row: InboundMail) -> Said:
    opened = f", which opened {format_number(row.ticket_id)}" if row.ticket_id else ""
    return Said(
        row.sender,
        plain_subject(row.subject),
        row.received_at,
        tuple(part["sha256"] for part in row.manifest if part["kind"] != PartKind.SIGNATURE),
        f"mail {row.pk}, received {row.received_at:%Y-%m-%d %H:%M}{opened}",
        row.pk,
    )


def _names(mail: ParsedMail) -> tuple[str, str]:
    return mail.sender.email if mail.sender else "", plain_subject(mail.subject)
