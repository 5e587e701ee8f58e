"""How long raw mails are kept: `KEEP_RAW_MAIL_DAYS` after a mail was decided its bytes are removed, and only those.

The row in the mail log stays, with its identity, so that a copy of the mail is still recognised, and with its decision
and trace, which then says when the bytes were removed. Tickets and their files have never been part of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.parsing.identity import identity

#: Decided for good. Failed and held mail waits for a person, who will want to read it.
SETTLED: Final = (Outcome.OPENED, Outcome.ADDED, Outcome.DUPLICATE, Outcome.IGNORED, Outcome.REJECTED)
STAGE: Final = "original"  # of the trace
GONE: Final = "The original of this mail is not kept any more."
#: Of one transaction: others want to write, too.
MOST_MAILS: Final = 100
MOST_BYTES: Final = 50_000_000
#: Of one run; what is left is the next one's.
MOST_OF_A_RUN: Final = 5_000
MOST_COPIES: Final = 100


def remove_old(now: datetime | None = None) -> int:
    """So many raw mails were removed, the oldest first. May be interrupted anywhere and repeated."""
    now, days = now or timezone.now(), settings.KEEP_RAW_MAIL_DAYS
    removed, last = 0, 0
    while days and removed < MOST_OF_A_RUN:
        batch = _remove_some(now, days, after=last)
        if not batch:
            break
        removed, last = removed + len(batch), batch[-1]
    return removed


def why_gone(row: InboundMail) -> str:
    """For whoever asks for bytes that are not there."""
    return next((str(step.get("because", "")) for step in row.trace if step.get("stage") == STAGE), GONE)


def known(server: MailServer, raw: bytes) -> InboundMail | None:
    """The newest row of the mail server that had these very bytes until they were removed."""
    digest = hashlib.sha256(raw).hexdigest()
    named = InboundMail.objects.filter(server=server, identity__in={identity(raw), digest}, raw__isnull=True)
    newest = named.select_related("duplicate_of").order_by("-pk")[:MOST_COPIES]
    return next((row for row in newest if any(step.get("sha256") == digest for step in row.trace)), None)


@transaction.atomic
def _remove_some(now: datetime, days: int, *, after: int) -> list[int]:
    """Which were removed. The rows are locked: nobody judges one of them again meanwhile. Up to `after` none is left,
    and looking there again for every few mails would take longer with every year.
    """
    old = _old(now - timedelta(days=days)).select_for_update(of=("self",)).only("trace", "size")
    rows = list(_bounded(old.filter(pk__gt=after).order_by("pk")[:MOST_MAILS]))
    raws = RawMail.objects.filter(pk__in=[row.pk for row in rows])
    digests = dict(raws.values_list("pk", "sha256"))
    because = f"The raw mail was removed on {date_format(timezone.localtime(now), 'j F Y')}: kept {_days(days)}."
    for row in rows:
        line = {"stage": STAGE, "code": "removed", "verdict": "removed", "because": because, "sha256": digests[row.pk]}
        row.trace = [*row.trace, line]
    InboundMail.objects.bulk_update(rows, ["trace"])
    raws.delete()
    return [row.pk for row in rows]


def _old(before: datetime) -> QuerySet[InboundMail]:
    """What is not filed yet or was put back is still under way. Of a mail whose body was never fetched the headers
    stay: by them it is known should it be read whole after all.
    """
    settled = InboundMail.objects.filter(outcome__in=SETTLED, kept_at__lt=before, settled_at__lt=before)
    idle = settled.filter(retry_at=None, headers_only=False).exclude(remote=InboundMail.Remote.PENDING)
    return idle.filter(raw__isnull=False)


def _bounded(rows: Iterable[InboundMail]) -> Iterator[InboundMail]:
    """The first, however large, and those that fit beside it."""
    size = 0
    for row in rows:
        if size and size + row.size > MOST_BYTES:
            return
        size += row.size
        yield row


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
