"""Write what was decided about mails: tickets or notes and each mail's end, all in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Decision, Draft, Outcome
from mailchannel.kernel.types import DeliveryReport, ParsedMail, Part
from mailchannel.models import InboundMail, OutboundMail
from mailchannel.pipeline.decide import REPORTED, decide
from mailchannel.pipeline.gates import GATES
from mailchannel.pipeline.released import released
from mailchannel.pipeline.returned import report_in_words
from mailchannel.services import manifest
from mailchannel.services.confirm import confirm
from mailchannel.services.facts import Question, gather
from mailchannel.services.notices import tell_of_stripped
from mailchannel.services.reading import remarks
from tickets.api import BUILT_IN_KEYS, Message, Opening, Written, add_message, add_report, open_tickets

#: Mail servers tell times in whole seconds: mail younger than this counts as written when we learn of it, so that it
#: never stands above the answer it answers.
DELAY = timedelta(minutes=1)
#: Of a mail to a crowd so many addresses are remembered as people an agent may put in copy; the original has them all.
MOST_RECIPIENTS = 50
_ENDED = [
    *("message_id", "sender", "subject", "outcome", "reason", "because", "trace", "manifest", "remarks"),
    *("version", "settled_at", "ticket", "note"),
]


#: Lines of the trace about earlier judgements; they outlive every new one.
EARLIER = "earlier"
#: Stages that say why an accepted mail is no ordinary one.
SAID = ("report", "person")


@dataclass(frozen=True, slots=True)
class Read:
    """A kept mail, parsed."""

    row: InboundMail
    raw: bytes
    mail: ParsedMail


def judge_and_apply(mails: Sequence[Read], channel: Channel, *, accepted_by: str = "") -> list[Decision]:
    """Runs inside the caller's transaction, with the rows locked. All mails or none; none may answer another of them.

    The decision of a row that was forgotten, to be fetched whole, is left out. `accepted_by` overrules the gates.
    """
    facts = gather([Question(each.mail, each.row.received_at, each.row) for each in mails], channel)
    decided = [decide(each.mail, channel, known) for each, known in zip(mails, facts, strict=True)]
    judged = [(each, released(decision, accepted_by)) for each, decision in zip(mails, decided, strict=True)]
    kept = [(each, decision) for each, decision in judged if not _forget(each.row, decision)]
    written = _write(kept, channel)
    for each, decision in kept:
        became = written.get(each.row.pk)
        _end(each, _told(each, decision, became, channel), became, channel.version)
    if kept:
        InboundMail.objects.bulk_create(
            [each.row for each, _ in kept], update_conflicts=True, unique_fields=["id"], update_fields=_ENDED
        )
    return [decision for _, decision in kept]


def _forget(row: InboundMail, decision: Decision) -> bool:
    """Settings loosened since only its headers were read: without its row the next run fetches the mail whole."""
    if row.headers_only and decision.outcome in (Outcome.OPENED, Outcome.ADDED):
        row.delete()
        return True
    return False


def _write(judged: Sequence[tuple[Read, Decision]], channel: Channel) -> dict[int, Written]:
    """Row → what it became."""
    opened = [(each, decision.draft) for each, decision in judged if decision.outcome == Outcome.OPENED]
    openings = [_opening(draft, _message(each, draft, Outcome.OPENED, channel)) for each, draft in opened if draft]
    written = (
        {each.row.pk: done for (each, _), done in zip(opened, open_tickets(openings), strict=True)} if openings else {}
    )
    for each, decision in judged:
        if decision.outcome == Outcome.ADDED and decision.draft:
            tell = _report if decision.reason == REPORTED else _answer
            written[each.row.pk] = tell(each, decision.draft, channel)
    return written


def _report(each: Read, draft: Draft, channel: Channel) -> Written:
    """What became of a mail of ours: a note for agents, and a mark on that mail."""
    report = each.mail.report or DeliveryReport("")
    text = report_in_words(report)
    undelivered = any(recipient.for_good for recipient in report.recipients)
    if undelivered:
        _mark_returned(report, text)
    return add_report(number=draft.thread.number, text=text, undelivered=undelivered, files=draft.attachments)


def _mark_returned(report: DeliveryReport, text: str) -> None:
    """Only the mail it is likeliest about: reports name the earlier ones of the conversation as well."""
    named = OutboundMail.objects.filter(message_id__in=report.original_ids)
    ours = frozenset(named.values_list("message_id", flat=True))
    original = next((each for each in report.original_ids if each in ours), "")
    named.filter(message_id=original).update(state=OutboundMail.State.RETURNED, error=text)


def _answer(each: Read, draft: Draft, channel: Channel) -> Written:
    message = _message(each, draft, Outcome.ADDED, channel)
    sender = draft.requester
    return add_message(number=draft.thread.number, email=sender.email, name=sender.name, message=message)


def _message(each: Read, draft: Draft, outcome: Outcome, channel: Channel) -> Message:
    files = draft.attachments
    if channel.attach_email:
        files = (*files, Part("original.eml", "message/rfc822", each.raw))
    delayed = timezone.now() - each.row.received_at > DELAY
    text = _text(draft, outcome)
    return Message(
        text=text,
        fresh=draft.fresh if text == draft.text != draft.fresh else "",
        html=draft.html,
        files=files,
        recipients=[address.email for address in draft.recipients[:MOST_RECIPIENTS]],
        written_at=each.row.received_at if delayed else None,
    )


def _text(draft: Draft, outcome: Outcome) -> str:
    """A new ticket opens with its description, whatever fills it; an answer is always the mail's own words."""
    return str(draft.fields.get("description") or draft.text) if outcome == Outcome.OPENED else draft.text


def _opening(draft: Draft, message: Message) -> Opening:
    fields = draft.fields
    requester = str(fields.get("requester") or draft.requester.email)
    return Opening(
        template=draft.template,
        title=str(fields["title"]),
        requester_email=requester,
        requester_name=draft.requester.name if requester == draft.requester.email else "",
        message=message,
        priority=str(fields.get("priority") or "normal"),
        fields={key: value for key, value in fields.items() if key not in BUILT_IN_KEYS},
        restricted=draft.restricted,
        related=draft.thread.related,
        department=draft.department,
        service=draft.service,
        process=draft.process,
    )


def _told(each: Read, decision: Decision, written: Written | None, channel: Channel) -> Decision:
    """The decision, with who was told of the ticket and of files left out. Nobody is, when the mail was turned away or
    reports about a mail of ours.
    """
    if written is None or decision.draft is None or decision.reason == REPORTED:
        return decision
    told = tell_of_stripped(each.row, each.mail, decision.draft, written, channel)
    if decision.outcome == Outcome.OPENED:
        told += confirm(each.row, each.mail, decision.draft, written, channel, knows=told)
    return replace(decision, trace=decision.trace + told)


def _end(each: Read, decision: Decision, written: Written | None, version: int) -> None:
    row = each.row
    for name, value in headline(each.mail).items():
        setattr(row, name, value)
    row.outcome, row.reason = decision.outcome, decision.reason
    row.because = because_of(decision)
    row.trace = [*(line for line in row.trace if line.get("stage") == EARLIER), *(s.as_json() for s in decision.trace)]
    row.manifest = manifest.rows(decision.draft.manifest) if decision.draft else []
    row.remarks = remarks(each.mail)
    row.version = version
    row.settled_at = timezone.now()
    row.ticket_id = written.ticket_id if written else None
    row.note_id = written.note_id if written else None


def because_of(decision: Decision) -> str:
    """What decided, for the mail log; nothing for a mail that ended as mail should."""
    if decision.outcome in (Outcome.OPENED, Outcome.ADDED):
        said = (step.because for step in decision.trace if step.stage in SAID and step.verdict == "pass")
    else:
        refused = (step for step in decision.trace if (step.stage, step.verdict) == ("gate", "refuse"))
        said = (step.because for step in refused if GATES[step.code].reason == decision.reason)
    return next(said, "")


def headline(mail: ParsedMail) -> dict[str, str]:
    """What the mail log shows of a mail."""
    return {
        "message_id": mail.message_id[:998],
        "sender": (mail.sender.email if mail.sender else mail.from_header)[:320],
        "subject": mail.subject[:255],
    }
