"""A dry run on the live mailbox: what would become of its newest mails, with nothing changed anywhere.

The folders are opened read-only and bodies are fetched without setting a flag; the only row written says who looked.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils import timezone

from mailchannel.kernel.channel import Channel
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import audit
from mailchannel.services.audit import Person
from mailchannel.services.config import freeze
from mailchannel.services.connecting import opened
from mailchannel.services.receive import batches, headers_suffice, sources
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.services.trying import Sample, Tried, World, parsed
from mailchannel.transports import Listed, MessageRef, Transport, TransportError

MOST = 200  # mails a dry run looks at
SECONDS = 60.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A mail that was tried; `before` is what the published settings make of it, where two were compared."""

    after: Tried
    before: Tried | None = None


@dataclass(slots=True)
class Trial:
    """How a dry run went. `wanted` mails were to be tried; fewer rows: it was too `late` for the others, `error` says
    why, or they were gone meanwhile.
    """

    rows: list[Row]
    wanted: int = 0
    late: bool = False
    there: int = 0  # mails in the folders, or in the mail log
    error: str = ""
    error_field: str = ""


def rehearse(
    server: MailServer,
    last: int = 20,
    *,
    by: Person | None = None,
    against: MailServer | None = None,
    ignore_start: bool = False,
    seconds: float = SECONDS,
) -> Trial:
    """What publishing `server` now, a draft or not, would make of its newest mails. Raises nothing.

    `against` is a second mail server whose settings judge the same mails. `ignore_start` judges the mails as if they
    came in after the start date, for a mailbox whose present mail is not going to be read.
    """
    deadline = time.monotonic() + seconds
    trial = Trial([])
    worlds = [World(each, _channel(each, ignore_start=ignore_start)) for each in (server, against) if each]
    try:
        with opened(server) as box:
            _try(server, box, worlds, max(1, min(last, MOST)), trial, deadline)
    except TransportError as error:
        trial.error, trial.error_field = str(error), error.field
    note(server, f"Tried the settings on {len(trial.rows)} mails of the mailbox; nothing changed.", by)
    return trial


def note(server: MailServer, message: str, by: Person | None) -> None:
    """The one row a look leaves behind; none when no person looked."""
    if by is not None:
        audit.record(server.live, by=by, message=message)


def _channel(server: MailServer, *, ignore_start: bool) -> Channel:
    """With the start date that publishing sets where there is none."""
    channel = freeze(server)
    if ignore_start:
        return replace(channel, sync_start=None)
    waits = server.draft_of is not None or server.status == MailServer.Status.DRAFT
    if waits and channel.sync_start is None:
        return replace(channel, sync_start=timezone.now().replace(microsecond=0))
    return channel


def _try(server: MailServer, box: Transport, worlds: Sequence[World], last: int, trial: Trial, deadline: float) -> None:
    chosen = _newest(server, box, last, trial)
    trial.wanted = sum(map(len, chosen.values()))
    rows = _ledger(server, chosen)
    for folder, listed in chosen.items():
        box.epoch(folder, readonly=True)
        for batch in batches(listed):
            if time.monotonic() > deadline:
                trial.late = True
                return
            headers = {m.ref for m in batch if all(headers_suffice(m, world.channel) for world in worlds)}
            samples = list(_fetched(box, batch, headers, rows, first=len(trial.rows) + 1))
            mails = parsed(samples)
            trial.rows += [Row(*pair) for pair in zip(*(world.judge(samples, mails) for world in worlds), strict=True)]


def _newest(server: MailServer, box: Transport, last: int, trial: Trial) -> dict[str, list[Listed]]:
    """Folder → its mails among the newest of all folders, in the order they would be fetched."""
    listed: list[Listed] = []
    for folder in sources(server):
        epoch = box.epoch(folder, readonly=True)
        keys = box.keys(folder)
        trial.there += len(keys)
        listed += box.describe([MessageRef(folder, key, epoch) for key in keys[-last:]])
    newest = sorted(listed, key=lambda each: each.received_at or _LONG_AGO)[-last:]
    kept = {(each.ref.folder, each.ref.key) for each in newest}
    chosen: dict[str, list[Listed]] = {}
    for each in listed:
        if (each.ref.folder, each.ref.key) in kept:
            chosen.setdefault(each.ref.folder, []).append(each)
    return chosen


def _ledger(server: MailServer, chosen: dict[str, list[Listed]]) -> dict[MessageRef, InboundMail]:
    """Those of the mails that were received already, such as mail that is left in its place."""
    readers = of_same_account(server)
    found: dict[MessageRef, InboundMail] = {}
    for folder, listed in chosen.items():
        epoch, keys = listed[0].ref.epoch, [each.ref.key for each in listed]
        rows = InboundMail.objects.filter(server__in=readers, folder=folder, epoch=epoch, remote_key__in=keys)
        found |= {MessageRef(folder, row.remote_key, epoch): row for row in rows}
    return found


def _fetched(
    box: Transport,
    batch: Sequence[Listed],
    headers: Collection[MessageRef],
    rows: Mapping[MessageRef, InboundMail],
    *,
    first: int,
) -> Iterator[Sample]:
    """Whole mails, and the headers of those the real run would not read further either."""
    whole = [each for each in batch if each.ref not in headers]
    fetched = list(box.fetch([each.ref for each in whole], expect_bytes=sum(each.size for each in whole)))
    fetched += box.fetch_headers([each.ref for each in batch if each.ref in headers])
    raws = {mail.ref: mail.raw for mail in fetched}
    there = [each for each in batch if each.ref in raws]
    for place, each in enumerate(there, start=first):
        raw, short = raws[each.ref], each.ref in headers
        received = each.received_at or timezone.now()
        size = each.size if short else len(raw)
        yield Sample(raw, received, size, f"new {place}", short, each.ref.folder, rows.get(each.ref))
