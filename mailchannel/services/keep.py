"""Store the bytes before anybody looks at them: from here on a mail cannot be lost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.parsing.identity import identity

_RACES = 3  # other workers we lose to before giving up


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came in. `key` names it in its folder and epoch."""

    key: str
    raw: bytes
    received_at: datetime
    size: int
    headers_only: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where arrivals came from."""

    transport: str
    folder: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail that cannot be lost any more."""

    row: InboundMail
    raw: bytes


def keep(server: MailServer, place: Place, arrivals: Sequence[Arrival]) -> list[Kept]:
    """Writes what is not in the ledger yet, in one transaction, and returns it in the order of arrival.

    The unique keys decide, not the look-up before: whoever loses a race looks again.
    """
    for attempt in range(_RACES):
        try:
            kept = _insert(server, place, arrivals)
            break
        except IntegrityError:
            if attempt == _RACES - 1:
                raise
    hit("keep.committed")
    return kept


def name(raw: bytes, *, acceptance: Mapping[str, Any], headers_only: bool = False) -> str:
    """What makes two mails the same. Where duplicates are allowed only the very same bytes are."""
    if headers_only:
        return hashlib.sha256(b"headers only\0" + raw).hexdigest()
    return hashlib.sha256(raw).hexdigest() if acceptance.get("allow_duplicates") else identity(raw)


@transaction.atomic
def _insert(server: MailServer, place: Place, arrivals: Sequence[Arrival]) -> list[Kept]:
    new = _unknown(server, place, arrivals)
    names = [name(a.raw, acceptance=server.acceptance, headers_only=a.headers_only) for a in new]
    originals = dict(
        InboundMail.objects.filter(server=server, identity__in=names, duplicate_of=None).values_list("identity", "pk")
    )
    rows = [_row(server, place, arrival, named) for arrival, named in zip(new, names, strict=True)]
    firsts: dict[str, InboundMail] = {}
    for row in rows:
        if row.identity not in originals:
            firsts.setdefault(row.identity, row)
    InboundMail.objects.bulk_create(firsts.values())
    originals |= {named: row.pk for named, row in firsts.items()}
    copies = [row for row in rows if row.pk is None]
    for row in copies:
        row.duplicate_of_id = originals[row.identity]
    InboundMail.objects.bulk_create(copies)
    RawMail.objects.bulk_create(
        RawMail(inbound=row, sha256=hashlib.sha256(a.raw).hexdigest(), data=RawMail.pack(a.raw))
        for row, a in zip(rows, new, strict=True)
    )
    hit("keep.inserted")
    return [Kept(row, arrival.raw) for row, arrival in zip(rows, new, strict=True)]


def _unknown(server: MailServer, place: Place, arrivals: Sequence[Arrival]) -> list[Arrival]:
    known = InboundMail.objects.filter(
        server=server, folder=place.folder, epoch=place.epoch, remote_key__in=[a.key for a in arrivals]
    )
    keys = set(known.values_list("remote_key", flat=True))
    return [arrival for arrival in arrivals if arrival.key not in keys]


def _row(server: MailServer, place: Place, arrival: Arrival, named: str) -> InboundMail:
    return InboundMail(
        server=server,
        transport=place.transport,
        folder=place.folder,
        epoch=place.epoch,
        remote_key=arrival.key,
        identity=named,
        size=arrival.size,
        headers_only=arrival.headers_only,
        received_at=arrival.received_at,
        outcome=Outcome.RECEIVED,
        remote=InboundMail.Remote.PENDING if place.folder else InboundMail.Remote.KEPT,
    )
