"""How many mails lie in the folders that are read, by age, and how many of them a start date would leave alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.audit import Person
from mailchannel.services.connecting import opened
from mailchannel.services.receive import LISTED_AT_ONCE, sources
from mailchannel.services.rehearsal import note
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.transports import Listed, MessageRef, Transport, TransportError

#: So many mails of a folder are looked at, the newest; any others are counted among the older ones.
MOST_LISTED = 20_000
SECONDS = 30.0
AGES: Final = ("today", "the last 7 days", "the last 30 days", "older")


@dataclass(slots=True)
class FolderCount:
    """`ages` counts every mail once, by the youngest of AGES it belongs to; `unlisted` ones were not looked at."""

    folder: str
    ages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AGES, 0))
    unread: int = 0
    known: int = 0  # in the mail log already: never read again
    unlisted: int = 0

    @property
    def total(self) -> int:
        return sum(self.ages.values())


@dataclass(frozen=True, slots=True)
class Start:
    """A start date to choose, and how many mails would become tickets at most."""

    label: str
    moment: datetime | None  # None: only what comes in after publishing
    mails: int
    chosen: bool = False


@dataclass(slots=True)
class Counts:
    folders: list[FolderCount] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    start: datetime | None = None  # the start date as it is set
    mails: int = 0  # that would become tickets with it, at most
    skipped: int = 0  # that lie before it
    error: str = ""
    error_field: str = ""


def count(server: MailServer, *, by: Person | None = None) -> Counts:
    """Looks read-only into the mailbox. Raises nothing."""
    counts, arrivals = Counts(start=server.sync_start), list[datetime]()
    deadline = time.monotonic() + SECONDS
    now = timezone.localtime()
    try:
        with opened(server) as box:
            for folder in sources(server):
                counts.folders.append(_count(server, box, folder, arrivals, now, deadline))
    except TransportError as error:
        counts.error, counts.error_field = str(error), error.field
    unlisted = sum(each.unlisted for each in counts.folders)
    counts.mails = _from(arrivals, server.sync_start) if server.sync_start else 0
    counts.skipped = len(arrivals) + unlisted - counts.mails
    counts.starts = _starts(server, arrivals, unlisted, now)
    note(server, "Counted the mails of the mailbox; nothing changed.", by)
    return counts


def _count(
    server: MailServer, box: Transport, folder: str, arrivals: list[datetime], now: datetime, deadline: float
) -> FolderCount:
    """Adds when each mail that is not in the mail log came in to `arrivals`."""
    epoch = box.epoch(folder, readonly=True)
    keys = list(box.keys(folder))
    ledger = InboundMail.objects.filter(server__in=of_same_account(server), folder=folder, epoch=epoch)
    known = set(ledger.values_list("remote_key", flat=True))
    found = FolderCount(folder, known=len(known.intersection(keys)))
    looked = 0
    for each in _listed(box, [MessageRef(folder, key, epoch) for key in keys], deadline):
        looked += 1
        received = each.received_at or now
        found.ages[_age(received, now)] += 1
        found.unread += each.unread
        if each.ref.key not in known:
            arrivals.append(received)
    found.unlisted = len(keys) - looked
    found.ages["older"] += found.unlisted
    return found


def _listed(box: Transport, refs: Sequence[MessageRef], deadline: float) -> Iterator[Listed]:
    """The newest first, as far as time and patience reach."""
    newest = refs[-MOST_LISTED:]
    for end in range(len(newest), 0, -LISTED_AT_ONCE):
        if time.monotonic() > deadline:
            return
        yield from box.describe(newest[max(0, end - LISTED_AT_ONCE) : end])


def _age(received: datetime, now: datetime) -> str:
    for label, since in zip(AGES, _since(now), strict=False):
        if received >= since:
            return label
    return AGES[-1]


def _since(now: datetime) -> tuple[datetime, datetime, datetime]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, midnight - timedelta(days=7), midnight - timedelta(days=30)


def _from(arrivals: Sequence[datetime], start: datetime) -> int:
    return sum(received >= start for received in arrivals)


def _starts(server: MailServer, arrivals: Sequence[datetime], unlisted: int, now: datetime) -> list[Start]:
    """A mail server that was published keeps a date: mail that waits to be fetched must not become too old for it."""
    chosen = server.sync_start
    offered = []
    if server.published_at is None:
        offered.append(Start("Only mail that comes in after publishing", None, 0, chosen is None))
    for label, since in zip(("Since midnight", "The last 7 days", "The last 30 days"), _since(now), strict=True):
        offered.append(Start(label, since, _from(arrivals, since), chosen == since))
    if arrivals and not unlisted:
        first = min(arrivals).replace(second=0, microsecond=0)
        offered.append(Start("Everything", first, len(arrivals), chosen == first))
    if chosen and not any(each.chosen for each in offered):
        offered.append(Start("As it is set now", chosen, _from(arrivals, chosen), chosen=True))
    return offered
