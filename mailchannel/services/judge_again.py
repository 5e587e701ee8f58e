"""Judge a mail once more, from its stored bytes, with the settings of now; or accept it against their word.

What was decided before stays in the trace as one line. The row is locked, so that two people at once, or one who
presses twice, still make one ticket.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import FolderMapping, InboundMail, MailServer, RawMail
from mailchannel.services import audit, fail_folder, retention
from mailchannel.services.apply import EARLIER, Read, judge_and_apply
from mailchannel.services.config import freeze
from mailchannel.services.reading import parse
from tickets.api import format_number

log = logging.getLogger(__name__)

Remote = InboundMail.Remote
Step = dict[str, str]

UNFINISHED: Final = frozenset({Outcome.HELD, Outcome.REJECTED, Outcome.IGNORED, Outcome.DUPLICATE, Outcome.FAILED})
#: They did not become a ticket although a person may have written them.
NEEDS_A_PERSON: Final = (Outcome.FAILED, Outcome.HELD, Outcome.REJECTED)
#: Reading it ended a process, or nearly: it is not read again in the one that serves pages.
DANGEROUS: Final = frozenset({"failed.died", "failed.parse"})
MOST_EARLIER: Final = 20


class CannotJudge(Exception):
    """In words for people."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How it ended this time, and a sentence about it."""

    outcome: Outcome
    text: str


def judge_again(row: InboundMail, *, by: AbstractBaseUser) -> Judged:
    """Raises CannotJudge; the mail is as it was then."""
    return _in_one_transaction(row.pk, by, accept=False)


def accept(row: InboundMail, *, by: AbstractBaseUser) -> Judged:
    """A ticket, or a message in the ticket it answers, whatever the gates say. Raises CannotJudge."""
    return _in_one_transaction(row.pk, by, accept=True)


def why_not(row: InboundMail, *, accept: bool) -> str:
    """What keeps this mail from being judged again or accepted, as a sentence; empty when nothing does."""
    outcome = Outcome(row.outcome)
    if row.ticket_id:
        return f"This mail became {format_number(row.ticket_id)} already."
    if outcome is Outcome.RECEIVED:
        return "This mail waits for the worker, which judges it within a minute."
    if fail_folder.waits_in_inbox(row.server, row):
        return "This mail was put back into the inbox. The next fetch judges it."
    if row.duplicate_of_id:
        return f"This is another copy of mail {row.duplicate_of_id}. Do it there."
    if outcome not in UNFINISHED:
        return "This mail was accepted already."
    if accept and outcome is Outcome.FAILED:
        return "This mail could not be processed. Try it again first."
    if row.headers_only and (accept or row.remote == Remote.MOVED or row.retry_at or not row.folder):
        return (
            "Only its headers were fetched. It has to lie in the inbox, with settings that take it, to be read whole."
        )
    return ""


def remembered(row: InboundMail, *, what: str) -> list[Step]:
    """The trace a row begins anew with: one line for each earlier judgement, `what` says what was done about it."""
    earlier: list[Step] = [step for step in row.trace if step.get("stage") == EARLIER]
    when = timezone.localtime(row.settled_at or row.kept_at)
    said = "; ".join(dict.fromkeys(filter(None, (row.because, *_refusals(row)))))
    because = f"{when:%Y-%m-%d %H:%M}, settings version {row.version}: {said or row.reason}. {what}"
    line = {"stage": EARLIER, "code": row.reason, "verdict": row.outcome, "because": because}
    return [*earlier, line][-MOST_EARLIER:]


def _refusals(row: InboundMail) -> list[str]:
    return [str(step.get("because", "")) for step in row.trace if step.get("verdict") == "refuse"]


def _in_one_transaction(pk: int, by: AbstractBaseUser, *, accept: bool) -> Judged:
    try:
        with transaction.atomic():
            return _judge(pk, by, accept=accept)
    except CannotJudge:
        raise
    except (OperationalError, InterfaceError) as error:
        raise CannotJudge(f"The database does not answer as it should: {error}") from error
    except Exception as error:
        log.exception("mail %s could not be judged again", pk)
        raise CannotJudge(f"It could not be processed this time either ({type(error).__name__}: {error}).") from error


def _judge(pk: int, by: AbstractBaseUser, *, accept: bool) -> Judged:
    rows = InboundMail.objects.select_related("server", "duplicate_of").defer("server__secrets")
    row = rows.select_for_update(of=("self",)).get(pk=pk)
    if problem := why_not(row, accept=accept) or _unprepared(row.server):
        raise CannotJudge(problem)
    raw = RawMail.objects.filter(pk=row.pk).first()
    if raw is None:
        raise CannotJudge(retention.why_gone(row))
    before = row.reason
    name, now = by.get_username(), timezone.localtime()
    row.trace = remembered(row, what=f"{'Accepted' if accept else 'Judged again'} by {name}, {now:%Y-%m-%d %H:%M}.")
    if row.retry_at:
        row.retry_at = None  # judged here: should it turn up in the inbox after all, it is a copy
        row.save(update_fields=["retry_at"])
    if before in DANGEROUS:
        return _leave_to_the_worker(row, by)
    judged = _apply(row, raw.content, accepted_by=name if accept else "")
    audit.record(row, by=by, message=f"{'Accepted it' if accept else 'Judged again'}: {before} → {row.reason}.")
    return judged


def _apply(row: InboundMail, raw: bytes, *, accepted_by: str) -> Judged:
    mail = parse(raw, size=row.size)
    if accepted_by and mail.sender is None:
        raise CannotJudge("It names no sender that can be read: the ticket would belong to nobody.")
    pk = row.pk
    if not judge_and_apply([Read(row, raw, mail)], freeze(row.server), accepted_by=accepted_by):
        row.pk = pk  # the row is gone; the record of who did it stays
        return Judged(Outcome.RECEIVED, "The next fetch reads it whole and judges it then.")
    _file_anew(row)
    return Judged(Outcome(row.outcome), _sentence(row))


def _leave_to_the_worker(row: InboundMail, by: AbstractBaseUser) -> Judged:
    """An attempt is counted already: the worker's next one runs in a process of its own."""
    row.outcome = Outcome.RECEIVED
    row.attempts = 1
    row.save(update_fields=["outcome", "attempts", "trace"])
    _file_anew(row)
    audit.record(row, by=by, message=f"Had it judged again by the worker; it was {row.reason}.")
    return Judged(Outcome.RECEIVED, "The worker judges it within a minute, in a process of its own.")


def _unprepared(server: MailServer) -> str:
    return "" if server.template_id else f"{server} has no ticket template yet."


def _file_anew(row: InboundMail) -> None:
    """A message that was left in place is filed by its new end; one that was moved has no key there any more."""
    sources = row.server.folders.filter(role=FolderMapping.Role.SOURCE, folder=row.folder)
    if row.remote == Remote.KEPT and row.folder and sources.exists():
        row.remote = Remote.PENDING
        row.save(update_fields=["remote"])


def _sentence(row: InboundMail) -> str:
    if row.outcome == Outcome.OPENED:
        ended = f"It became ticket {format_number(row.ticket_id or 0)}."
    elif row.outcome == Outcome.ADDED:
        ended = f"It joined ticket {format_number(row.ticket_id or 0)}."
    else:
        ended = f"Still no ticket: {row.because or row.reason}."
    return f"{ended} {_whereabouts(row)}".strip()


def _whereabouts(row: InboundMail) -> str:
    if row.remote == Remote.MOVED and row.filed_to:
        return f"On the mail server the message stays in “{row.filed_to}”; move it there by hand if that matters."
    if row.remote == Remote.PENDING:
        return "The next fetch files the message on the mail server."
    if row.remote == Remote.DELETED:
        return "On the mail server the message was deleted; the original is kept here."
    return ""
