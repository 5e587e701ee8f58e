"""The same mail in the ledger, where it came another way: once as it was sent, once as a server wrote it anew.

Their identities never agree. So whatever came the other way and has the Message-ID of a new mail is compared with it as
if both had been written anew. A mail without a Message-ID counts as another one; Exchange gives one to every mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from heapq import nsmallest
from typing import Final, Protocol

from django.db.models import QuerySet

from mailchannel.models import InboundMail, RawMail
from mailchannel.parsing.identity import SAME, SEARCHED
from mailchannel.parsing.mime import BARE_ID
from mailchannel.parsing.rebuilt import LONGEST_VALUE, rebuilt_identity
from mailchannel.parsing.reports import MESSAGE_ID
from mailchannel.parsing.words import readable
from mailchannel.transports import TRANSPORTS

#: What has to be known of a row.
COLUMNS: Final = ("message_id", "subject", "received_at", "kept_at", "headers_only")
#: Of the rows that have one Message-ID, as some programs give it to all they send; those received next to the new mail.
MOST_COMPARED = 50
#: So much may the mail server's clock be ahead of ours.
CLOCKS: Final = timedelta(hours=1)


class Arrival(Protocol):
    """A mail, taken in or only tried. `raw` is its header block where that is all there is."""

    @property
    def raw(self) -> bytes: ...

    @property
    def received_at(self) -> datetime: ...

    @property
    def headers_only(self) -> bool: ...


def lookalikes(ledger: QuerySet[InboundMail], transport: str, arrivals: Iterable[Arrival]) -> QuerySet[InboundMail]:
    """First copies that came the other way and are called like one of the new mails."""
    anew = [each.key for each in TRANSPORTS if getattr(each, "rewrites", False)]
    named = {_message_id(arrival.raw) for arrival in arrivals} - {""}
    rows = ledger.filter(message_id__in=named, duplicate_of=None, retry_at=None).order_by()
    return rows.exclude(transport__in=anew) if transport in anew else rows.filter(transport__in=anew)


def first_copy(arrival: Arrival, rows: Iterable[InboundMail], *, each_delivery: bool) -> int | None:
    """Which of these lookalikes it is another copy of. With `each_delivery`, only if both took the same way."""
    message_id = _message_id(arrival.raw)
    alike = [row for row in rows if row.message_id == message_id and row.headers_only == arrival.headers_only]
    nearest = nsmallest(MOST_COMPARED, alike, key=lambda row: abs(row.received_at - arrival.received_at))
    name = partial(rebuilt_identity, each_delivery=each_delivery, headers_only=arrival.headers_only)
    own = name(arrival.raw) if nearest else ""
    for row in nearest:
        kept = RawMail.objects.filter(pk=row.pk).first()
        if name(kept.content) == own if kept else _lay_there(arrival, row):
            return row.pk
    return None


def _lay_there(arrival: Arrival, row: InboundMail) -> bool:
    """All that can be asked once the bytes are not kept any more. It has to be on the mail server since before the row
    was made: a program that calls another mail the same sends that one later.
    """
    subject = "".join(readable(_header(arrival.raw, b"subject")).split())
    return arrival.received_at < row.kept_at + CLOCKS and subject.startswith("".join(row.subject.split()))


def _message_id(raw: bytes) -> str:
    """As the ledger has it."""
    text = readable(_header(raw, b"message-id"))
    return next(iter(MESSAGE_ID.findall(text) or BARE_ID.findall(text)), "")[:998]


def _header(raw: bytes, name: bytes) -> bytes:
    """The first of that name, by plain searching."""
    head = raw[:SEARCHED].replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
    found = (match[2] for match in SAME.finditer(head) if match[1].lower() == name)
    return next(found, b"")[:LONGEST_VALUE]
