"""Turn kept mails into what they become: each exactly once, none stopping another.

The first attempt runs here, several mails to a transaction; when one of them makes it fail, each is tried by itself. A
mail found with an attempt already counted was being settled when a process died, and nobody knows whose fault that was:
its next attempt runs in a child process, and only the child's own death blames the mail.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import alerts, error_reports
from mailchannel.services.apply import Read, headline, judge_and_apply
from mailchannel.services.config import freeze
from mailchannel.services.keep import Kept
from mailchannel.services.lease import hold
from mailchannel.services.reading import parse
from mailchannel.services.repeats import likeness
from mailchannel.services.sandbox import ChildRaised, may_fork, run_in_child

log = logging.getLogger(__name__)

GROUP = 50  # mails to a transaction at most: one commit costs as much as deciding several mails
_STORAGE_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StorageTrouble(Exception):
    """The database or disk fails, not the mail: everything stays as it is and is tried again later."""


def settle(server: MailServer, channel: Channel | None = None) -> Counter[str]:
    """Settles every unfinished mail of the server. Outcome → number. Raises StorageTrouble.

    Mail that may have ended a process is settled in a child, and left to a worker where there can be none.
    """
    channel = channel or freeze(server)
    counts: Counter[str] = Counter()
    with _storage_trouble():
        unfinished = InboundMail.objects.filter(server=server, outcome=Outcome.RECEIVED)
        if not may_fork():
            unfinished = unfinished.filter(attempts=0)
        attempts = dict(unfinished.order_by("pk").values_list("pk", "attempts"))
        _count_attempt(attempts)
        for suspect in [pk for pk, count in attempts.items() if count]:
            counts += _settle_in_child(suspect, channel)
        fresh = [pk for pk, count in attempts.items() if not count]
        for start in range(0, len(fresh), GROUP):
            counts += _settle_loaded(_load(fresh[start : start + GROUP]), channel)
    return counts


def settle_kept(kept: Sequence[Kept], channel: Channel) -> Counter[str]:
    """Settles mails that were kept just now, as `settle` does. Outcome → number. Raises StorageTrouble."""
    counts: Counter[str] = Counter()
    with _storage_trouble():
        suspects = [each.row.pk for each in kept if each.row.attempts]  # put back, having ended a process before
        fresh = [each for each in kept if not each.row.attempts] if suspects else kept
        suspects = suspects if may_fork() else []
        _count_attempt([*(each.row.pk for each in fresh), *suspects])
        for start in range(0, len(fresh), GROUP):
            counts += _settle_loaded(fresh[start : start + GROUP], channel)
        for suspect in suspects:
            counts += _settle_in_child(suspect, channel)
    return counts


def settle_all() -> Counter[str]:
    """The sweeper: whatever was kept but not settled, also while its mail server is out of reach."""
    counts: Counter[str] = Counter()
    servers = MailServer.objects.filter(inbound__outcome=Outcome.RECEIVED).distinct()
    for server in servers.exclude(status=MailServer.Status.DRAFT):
        with hold(server.pk) as lease:  # a fetch under way settles its own
            if lease:
                counts += settle(server)
    return counts


@contextmanager
def _storage_trouble() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StorageTrouble(f"The database does not answer as it should: {error}") from error


def _count_attempt(keys: Collection[int]) -> None:
    """Committed before the dangerous work begins."""
    if keys:
        InboundMail.objects.filter(pk__in=keys).update(attempts=F("attempts") + 1)
        hit("settle.attempt_committed")


def _load(keys: Sequence[int]) -> list[Kept]:
    rows = InboundMail.objects.filter(pk__in=keys).select_related("raw", "duplicate_of").order_by("pk")
    return [Kept(row, row.raw.content) for row in rows]


def _settle_loaded(kept: Sequence[Kept], channel: Channel) -> Counter[str]:
    mails = [read for each in kept if (read := _read(each))]
    hit("settle.parsed")
    counts = Counter({Outcome.FAILED.value: len(kept) - len(mails)})
    for group in independent(mails):
        counts += _settle_group(group, channel)
    return +counts


def _read(kept: Kept) -> Read | None:
    """None when parsing raised, which it promises not to; the mail has ended as failed then."""
    try:
        return Read(kept.row, kept.raw, parse(kept.raw, size=kept.row.size))
    except Exception as error:
        log.exception("mail %s could not be parsed", kept.row.pk)
        end_as_failed(kept.row.pk, "failed.parse", _said(error), {}, error)
        return None


def independent(mails: Sequence[Read]) -> Iterator[list[Read]]:
    """In order, cut wherever a mail answers or may repeat one before it: that one's ticket must exist first."""
    group: list[Read] = []
    seen: set[Hashable] = set()
    for each in mails:
        if seen.intersection((*each.mail.ancestors, likeness(each.mail))):
            yield group
            group, seen = [], set()
        group.append(each)
        seen |= {each.mail.message_id, likeness(each.mail)}
    if group:
        yield group


def _settle_group(group: Sequence[Read], channel: Channel) -> Counter[str]:
    try:
        return _commit(group, channel)
    except (OperationalError, InterfaceError):
        raise
    except (Exception, RecursionError) as error:
        if isinstance(error, OSError) and error.errno in _STORAGE_FULL:
            raise StorageTrouble(f"A file cannot be stored: {error.strerror}.") from error
        if len(group) == 1:
            return _fail(group[0], error)
    counts: Counter[str] = Counter()
    for each in group:
        counts += _settle_group([each], channel)
    return counts


def _commit(group: Sequence[Read], channel: Channel) -> Counter[str]:
    with transaction.atomic():
        locked = InboundMail.objects.select_for_update().filter(outcome=Outcome.RECEIVED)
        unfinished = set(locked.filter(pk__in=[each.row.pk for each in group]).values_list("pk", flat=True))
        mine = [each for each in group if each.row.pk in unfinished]
        decisions = judge_and_apply(mine, channel)
        for each in mine:
            if each.row.outcome == Outcome.FAILED:
                _tell(each.row, each.raw)
        hit("settle.ticket_written")
    hit("settle.committed")
    return Counter(decision.outcome.value for decision in decisions)


def _fail(each: Read, error: BaseException) -> Counter[str]:
    """Whatever a mail makes go wrong is its end, with the reason; the others go on."""
    log.error("mail %s could not be settled", each.row.pk, exc_info=error)
    reason = "failed.storage" if isinstance(error, DatabaseError | OSError) else "failed.rule"
    end_as_failed(each.row.pk, reason, _said(error), headline(each.mail), error)
    return Counter([Outcome.FAILED.value])


def _settle_in_child(pk: int, channel: Channel) -> Counter[str]:
    try:
        died = run_in_child(lambda: _settle_loaded(_load([pk]), channel))
    except ChildRaised:
        message = f"Mail {pk} could not be settled for a reason that is not the mail's; the worker's log says more."
        raise StorageTrouble(message) from None
    if died:
        end_as_failed(pk, "failed.died", f"Reading it ended the process that tried, twice: {died}.", {})
    return Counter(InboundMail.objects.filter(pk=pk).values_list("outcome", flat=True))


def _said(error: BaseException) -> str:
    """In letters every database can store: what a mail is made of may be part of the message."""
    text = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()
    return text.replace("\0", "\ufffd")[:2000]


def end_as_failed(
    pk: int, reason: str, because: str, columns: dict[str, str], error: BaseException | None = None
) -> None:
    """With a report for whoever has to find out why."""
    ended = {**columns, "outcome": Outcome.FAILED, "reason": reason, "because": because, "settled_at": timezone.now()}
    with transaction.atomic():
        if InboundMail.objects.filter(pk=pk, outcome=Outcome.RECEIVED).update(**ended):
            row = InboundMail.objects.select_related("server").defer("server__secrets").get(pk=pk)
            raw = RawMail.objects.filter(pk=pk).first()
            _tell(row, raw.content if raw else b"", error)


def _tell(row: InboundMail, raw: bytes, error: BaseException | None = None) -> None:
    """Whoever has to look after a failed mail. That they cannot be told must not keep it from ending."""
    error_reports.write(row, raw, error)
    try:
        with transaction.atomic():
            alerts.mail_failed(row.server, row)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("nobody could be told that mail %s failed", row.pk)
