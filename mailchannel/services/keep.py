"""Store the bytes before anybody looks at them: from here on a mail cannot be lost."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.parsing.header_block import headers_of
from mailchannel.parsing.identity import identity
from mailchannel.parsing.rebuilt import rebuilt_identity
from mailchannel.services import another_way
from mailchannel.services.judge_again import DANGEROUS, remembered
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.transports import TRANSPORTS

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

    The unique keys decide, not the look-up before: whoever loses a race looks again. A mail that a person has put back
    into the inbox gets its own row again, to be judged anew. The ledger of a folder is that of all mail servers which
    have read it: one may have gone on where another stopped.
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


def name(raw: bytes, *, acceptance: Mapping[str, Any], headers_only: bool = False, transport: str = "") -> str:
    """What makes two mails the same. Where duplicates are allowed only the very same bytes are; of a `transport` whose
    server writes each mail anew, only what was delivered to it in one go.
    """
    each = bool(acceptance.get("allow_duplicates"))
    if rewrites(transport):
        return rebuilt_identity(raw, each_delivery=each, headers_only=headers_only)
    if headers_only:
        return hashlib.sha256(b"headers only\0" + raw).hexdigest()
    return hashlib.sha256(raw).hexdigest() if each else identity(raw)


def rewrites(transport: str) -> bool:
    """Whether mail that comes this way says the same in other bytes each time it is fetched."""
    return transport in TRANSPORTS and getattr(TRANSPORTS[transport], "rewrites", False)


def ledger(server: MailServer, folders: Collection[str]) -> QuerySet[InboundMail]:
    """What this mail server has taken in, and what others have from these very folders of the same account."""
    lying = [folder for folder in folders if folder]  # what is brought lies in none
    others = of_same_account(server) - {server.live.pk} if lying else ()
    shared = Q(server__in=others, folder__in=lying) if others else Q()
    return InboundMail.objects.filter(Q(server=server.live) | shared)


@transaction.atomic
def _insert(server: MailServer, place: Place, arrivals: Sequence[Arrival]) -> list[Kept]:
    known_there = ledger(server, {place.folder})
    new = _unknown(known_there, place, arrivals)
    names = [
        name(a.raw, acceptance=server.acceptance, headers_only=a.headers_only, transport=place.transport) for a in new
    ]
    known = _Known(known_there, place, new, names)
    known.recognise(new, names, each_delivery=bool(server.acceptance.get("allow_duplicates")))
    rows: list[InboundMail] = []
    for arrival, named in zip(new, names, strict=True):
        again = known.put_back(arrival, named)
        rows.append(_adopt(again, server, place, arrival, named) if again else _row(server, place, arrival, named))
    firsts: dict[str, InboundMail] = {}
    for row in rows:
        if row.pk is None and row.identity not in known.originals:
            firsts.setdefault(row.identity, row)
    InboundMail.objects.bulk_create(firsts.values())
    known.originals |= {named: row.pk for named, row in firsts.items()}
    copies = [row for row in rows if row.pk is None]
    for row in copies:
        row.duplicate_of_id = known.originals[row.identity]
    InboundMail.objects.bulk_create(copies)
    RawMail.objects.bulk_create(
        [
            RawMail(inbound=row, sha256=hashlib.sha256(a.raw).hexdigest(), data=RawMail.pack(a.raw))
            for row, a in zip(rows, new, strict=True)
        ],
        update_conflicts=True,  # of a mail that was put back there are bytes already, or only its headers
        unique_fields=["inbound"],
        update_fields=["sha256", "data"],
    )
    hit("keep.inserted")
    return [Kept(row, arrival.raw) for row, arrival in zip(rows, new, strict=True)]


class _Known:
    """What the ledger has of these arrivals already: by identity, and of mails that were put back also by key, because
    some servers know a mail by one name wherever it lies.
    """

    def __init__(
        self, ledger: QuerySet[InboundMail], place: Place, arrivals: Sequence[Arrival], names: Sequence[str]
    ) -> None:
        self._place = place
        pairs = zip(arrivals, names, strict=True)
        asked = {each for arrival, named in pairs for each in _other_names(place, arrival, named)}
        rows = ledger.filter(identity__in=asked)
        found = rows.filter(Q(duplicate_of=None) | Q(retry_at__isnull=False)).order_by()
        waiting = _named_so(ledger, place, arrivals).filter(retry_at__isnull=False)
        self._by_key = dict(waiting.values_list("remote_key", "pk"))
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self.originals: dict[str, int] = {}
        others = another_way.lookalikes(ledger, place.transport, arrivals)
        columns = ("identity", "duplicate_of", "retry_at", *another_way.COLUMNS)
        both = found.only(*columns).union(others.only(*columns), all=True).order_by("pk")  # one query, two indexes
        self._others = [row for row in both if row.identity not in asked]
        for row in both:
            if row.identity in asked and row.duplicate_of_id is None:
                self.originals[row.identity] = row.pk
            if row.retry_at is not None and row.pk not in self._by_key.values():
                self._by_name[row.identity].append(row.pk)

    def recognise(self, arrivals: Sequence[Arrival], names: Sequence[str], *, each_delivery: bool) -> None:
        """Originals that came another way than these."""
        for arrival, named in zip(arrivals, names, strict=True):
            if self._others and named not in self.originals:
                first = another_way.first_copy(arrival, self._others, each_delivery=each_delivery)
                self.originals |= {named: first} if first else {}

    def put_back(self, arrival: Arrival, named: str) -> InboundMail | None:
        """The row of a mail that a person has put back into the inbox; each is given out once."""
        pk = self._taken(arrival, named)
        if pk is None:
            return None
        row = InboundMail.objects.select_related("duplicate_of").get(pk=pk)
        if row.duplicate_of_id is None:  # one known by its headers only had another name till now
            first = self.originals.setdefault(named, row.pk)
            row.duplicate_of_id = first if first != row.pk else None
        return row

    def _taken(self, arrival: Arrival, named: str) -> int | None:
        if arrival.key in self._by_key:
            return self._by_key.pop(arrival.key)
        for each in _other_names(self._place, arrival, named):
            if self._by_name.get(each):
                return self._by_name[each].pop(0)
        return None


def _named_so(ledger: QuerySet[InboundMail], place: Place, arrivals: Sequence[Arrival]) -> QuerySet[InboundMail]:
    """Rows that have these very keys, in no order: it would lead the database through all mails there ever were."""
    keys = [arrival.key for arrival in arrivals]
    return ledger.filter(folder=place.folder, epoch=place.epoch, remote_key__in=keys).order_by()


def _other_names(place: Place, arrival: Arrival, named: str) -> tuple[str, ...]:
    """A mail of which only the headers were kept the first time had another name then."""
    if arrival.headers_only:
        return (named,)
    head = headers_of(arrival.raw)
    return (named, name(head, acceptance={}, headers_only=True, transport=place.transport))


def _adopt(row: InboundMail, server: MailServer, place: Place, arrival: Arrival, named: str) -> InboundMail:
    """The mail lies somewhere else now and is judged anew; it stays the same mail."""
    columns = {
        **judged_anew(row, "It was put back into the inbox and fetched from there."),
        "server_id": server.pk,
        "transport": place.transport,
        "folder": place.folder,
        "epoch": place.epoch,
        "remote_key": arrival.key,
        "identity": named,
        "duplicate_of_id": row.duplicate_of_id,
        "size": arrival.size,
        "headers_only": arrival.headers_only,
        "remote": InboundMail.Remote.PENDING,
        "filed_to": "",
    }
    if InboundMail.objects.filter(pk=row.pk, retry_at__isnull=False).update(**columns) != 1:
        raise IntegrityError("another worker was quicker")
    for column, value in columns.items():
        setattr(row, column, value)
    return row


def judged_anew(row: InboundMail, what: str) -> dict[str, Any]:
    """Columns of a row whose mail is to be settled once more; `what` says in its trace how that came."""
    return {
        "outcome": Outcome.RECEIVED,
        "reason": "",
        "because": "",
        "trace": remembered(row, what=what),
        "settled_at": None,
        "retry_at": None,
        "attempts": 1 if row.reason in DANGEROUS else 0,  # it is tried in a child process at once
    }


def _unknown(ledger: QuerySet[InboundMail], place: Place, arrivals: Sequence[Arrival]) -> list[Arrival]:
    known = _named_so(ledger, place, arrivals).filter(retry_at=None)
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
