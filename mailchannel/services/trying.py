"""Mails judged in order without writing anything: each sees what those before it would have become.

The real road judges group by group, and so does this; that is why a dry run foretells the real run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailchannel.kernel.channel import Channel, TicketFacts
from mailchannel.kernel.decisions import Decision, Outcome, Step
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, MailServer
from mailchannel.pipeline.decide import REPORTED, decide
from mailchannel.services import another_way
from mailchannel.services.apply import Read, because_of, headline
from mailchannel.services.facts import Question, gather
from mailchannel.services.keep import ledger, name
from mailchannel.services.preview import Preview, preview
from mailchannel.services.reading import parse
from mailchannel.services.repeats import Said
from mailchannel.services.settle import independent
from mailchannel.services.supposed import NOTHING, Supposed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail to try. `row` is its own row in the ledger; `place` is what a ticket it opens is called by."""

    raw: bytes
    received_at: datetime
    size: int
    place: str
    headers_only: bool = False
    folder: str = ""
    row: InboundMail | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a mail that was tried. Plain and small, whatever the size of the mail."""

    place: str
    folder: str
    sender: str
    subject: str
    received_at: datetime
    size: int
    headers_only: bool
    known_as: int | None  # its row in the mail log, when it is there already
    outcome: Outcome
    reason: str
    because: str
    thread: str  # the ticket it opens or joins
    preview: Preview | None
    trace: tuple[Step, ...]


@dataclass(slots=True)
class World:
    """One mail server's settings, and the stored facts as the mails tried so far would have changed them."""

    server: MailServer
    channel: Channel
    supposed: Supposed = NOTHING
    _firsts: dict[str, InboundMail] = field(default_factory=dict)

    def judge(self, samples: Sequence[Sample], mails: Sequence[ParsedMail | Exception]) -> list[Tried]:
        """`mails` are the samples parsed, or what parsing raised."""
        rows = self._rows(samples)
        found: dict[int, Tried] = {}
        reads: list[Read] = []
        for place, (sample, row, mail) in enumerate(zip(samples, rows, mails, strict=True)):
            if isinstance(mail, ParsedMail):
                reads.append(Read(row, sample.raw, mail))
            else:
                found[place] = _unreadable(sample, mail)
        places = {id(row): place for place, row in enumerate(rows)}
        for group in independent(reads):
            for read, decision in list(self._decide(group)):
                place = places[id(read.row)]
                found[place] = self._tried(samples[place], read.mail, decision)
                self._suppose(samples[place], read.mail, decision)
        return [found[place] for place in range(len(samples))]

    def _decide(self, group: Sequence[Read]) -> Iterator[tuple[Read, Decision]]:
        questions = [Question(each.mail, each.row.received_at, each.row) for each in group]
        for read, facts in zip(group, gather(questions, self.channel, self.supposed), strict=True):
            try:
                yield read, decide(read.mail, self.channel, facts)
            except Exception as error:
                log.exception("a mail could not be judged in a dry run")
                yield read, Decision(Outcome.FAILED, "failed.rule", (Step("try", "rule", "refuse", _said(error)),))

    def _rows(self, samples: Sequence[Sample]) -> list[InboundMail]:
        """A row for each, stored or not, that knows the first copy of its mail. One that was put back into the inbox is
        no earlier copy of itself.
        """
        accept, way_in = self.channel.acceptance, self.server.protocol
        names = [name(s.raw, acceptance=accept, headers_only=s.headers_only, transport=way_in) for s in samples]
        firsts = ledger(self.server, {s.folder for s in samples}).filter(duplicate_of=None, retry_at=None)
        seen = firsts.exclude(pk__in=self.supposed.unseen)
        stored = {row.identity: row for row in seen.filter(identity__in=names)}
        others = {row.pk: row for row in another_way.lookalikes(seen, way_in, samples)}
        for sample, named in zip(samples, names, strict=True):
            if others and named not in stored:
                each = bool(accept.get("allow_duplicates"))
                first = another_way.first_copy(sample, others.values(), each_delivery=each)
                stored |= {named: others[first]} if first else {}
        return [self._row(s, named, stored.get(named)) for s, named in zip(samples, names, strict=True)]

    def _row(self, sample: Sample, named: str, first: InboundMail | None) -> InboundMail:
        pk = sample.row.pk if sample.row else None
        row = InboundMail(
            pk=pk,
            server=self.server.live,
            received_at=sample.received_at,
            size=sample.size,
            headers_only=sample.headers_only,
        )
        first = self._firsts.get(named) if first is None or first.pk == pk else first
        self._firsts.setdefault(named, row)
        row.duplicate_of = first
        return row

    def _tried(self, sample: Sample, mail: ParsedMail, decision: Decision) -> Tried:
        head = headline(mail)
        return Tried(
            place=sample.place,
            folder=sample.folder,
            sender=head["sender"],
            subject=head["subject"],
            received_at=sample.received_at,
            size=sample.size,
            headers_only=sample.headers_only,
            known_as=sample.row.pk if sample.row else None,
            outcome=decision.outcome,
            reason=decision.reason,
            because=because_of(decision),
            thread=_thread(sample, decision),
            preview=preview(decision, self.channel),
            trace=decision.trace,
        )

    def _suppose(self, sample: Sample, mail: ParsedMail, decision: Decision) -> None:
        """What `apply` would have written, as far as later mails are judged by it."""
        number, draft = _thread(sample, decision), decision.draft
        if not number or draft is None:
            return
        tickets, known, said = self.supposed.tickets, self.supposed.known, self.supposed.said
        contact = "" if decision.reason == REPORTED else draft.requester.email
        if decision.outcome == Outcome.OPENED:
            contact = str(draft.fields.get("requester") or contact)
            tickets = {**tickets, number: TicketFacts(number, draft.ticket_type, frozenset({contact}))}
            which, pk = f"an earlier one of these mails, which opens {number}", sample.row.pk if sample.row else None
            said = (*said, Said.by(mail, sample.received_at, which=which, pk=pk))
        if mail.message_id:
            known = {mail.message_id: number, **known}
        contacts = self.supposed.contacts | {contact} - {""}
        self.supposed = replace(self.supposed, known=known, tickets=tickets, contacts=contacts, said=said)


def parsed(samples: Sequence[Sample]) -> list[ParsedMail | Exception]:
    return [_parsed(each) for each in samples]


def _parsed(sample: Sample) -> ParsedMail | Exception:
    try:
        return parse(sample.raw, size=sample.size)
    except Exception as error:
        log.exception("a mail could not be parsed in a dry run")
        return error


def _thread(sample: Sample, decision: Decision) -> str:
    if decision.outcome == Outcome.OPENED:
        return sample.place
    return decision.draft.thread.number if decision.draft and decision.outcome == Outcome.ADDED else ""


def _unreadable(sample: Sample, error: Exception) -> Tried:
    return Tried(
        place=sample.place,
        folder=sample.folder,
        sender="",
        subject="",
        received_at=sample.received_at,
        size=sample.size,
        headers_only=sample.headers_only,
        known_as=sample.row.pk if sample.row else None,
        outcome=Outcome.FAILED,
        reason="failed.parse",
        because=_said(error),
        thread="",
        preview=None,
        trace=(),
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
