"""Mail that is brought to us, by whatever door: kept first, then answered, then settled; nothing to file.

Mail for one that is a draft or paused is not taken: its bringer keeps it and comes again, for hours (Postmark ten,
Mailgun eight, SendGrid 72) or days (every mail server), and a mail server tells the sender if nobody ever takes it.
Taking it would look kinder, but whoever publishes starts with the mail from then on: it would be set aside as too old.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from mailchannel.models import MailServer
from mailchannel.parsing.header_block import headers_of
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services import schedule, turned_away
from mailchannel.services.keep import Arrival, Kept, Place, keep
from mailchannel.services.lease import hold
from mailchannel.services.settle import end_as_failed, settle

log = logging.getLogger(__name__)

#: Of a mail that is too large its headers are kept, which end somewhere.
LONGEST_HEAD: Final = 1_000_000
#: While another worker settles mail of the same mail server, seconds. The sweeper comes after a minute anyway.
PATIENCE: Final = 20.0


class NotTaken(Exception):
    """Nobody would look at the mail now; its bringer keeps it and comes again."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A mail as it was brought. `key`: what its bringer calls it, for ever; else its bytes do.

    `size`: of the whole mail where only a part of it is here. `unreadable`: why this is no mail, but what somebody sent
    instead of one.
    """

    raw: bytes
    key: str = ""
    size: int = 0
    unreadable: str = ""

    @property
    def bytes(self) -> int:
        return max(self.size, len(self.raw))


def accept(server: MailServer, raw: bytes, *, transport: str, size: int = 0) -> Kept:
    """Keeps the mail; once this returns it cannot be lost. Each call is a delivery of its own."""
    (kept,) = keep(server, Place(transport), [_arrival(server, Brought(raw, secrets.token_hex(16), size))])
    return kept


def take(server: MailServer, mails: Sequence[Brought], *, transport: str) -> list[Kept]:
    """Keeps what was not brought before; once this returns it cannot be lost. Raises NotTaken, DatabaseError."""
    arrived(server)
    if server.status not in MailServer.LIVE:
        raise NotTaken(_why_not(server))
    arrivals = {arrival.key: arrival for arrival in (_arrival(server, mail) for mail in mails)}
    spoilt = {arrival_key(mail): mail.unreadable for mail in mails if mail.unreadable}
    # What is no mail ends with being kept: in between, whoever settles could make a ticket of it.
    with transaction.atomic() if spoilt else nullcontext():
        kept = keep(server, Place(transport), list(arrivals.values()))
        for each in kept:
            if why := spoilt.get(each.row.remote_key):
                end_as_failed(each.row.pk, "failed.parse", why, {})
    return kept


def arrived(server: MailServer) -> None:
    """The first mail shows that everything is set up rightly, also where nobody takes it yet."""
    if server.first_arrival_at is None:
        server.update(first_arrival_at=timezone.now())
    turned_away.over(server)


def settle_soon(server: MailServer) -> None:
    """Never raises: the mail is kept, and the sweeper finds it within a minute."""
    try:
        schedule.settle_soon(server.pk)
    except Exception:
        log.exception("no task could be made; the mail of %s is settled by the next tick", server.name)


def settle_server(server_id: int) -> int:
    """The task. How many mails were settled."""
    server = MailServer.objects.filter(pk=server_id).exclude(status=MailServer.Status.DRAFT).first()
    if server is None:
        return 0
    with hold(server.pk, wait=PATIENCE) as lease:
        return sum(settle(server).values()) if lease else 0


def arrival_key(mail: Brought) -> str:
    """Short and plain whatever the bringer calls it, so that every database can hold it."""
    if not mail.key:
        return hashlib.sha256(b"%d\0%b" % (mail.bytes, mail.raw)).hexdigest()
    usual = mail.key.isascii() and mail.key.isprintable() and len(mail.key) <= 200
    return mail.key if usual else hashlib.sha256(mail.key.encode("utf-8", "surrogatepass")).hexdigest()


def too_large(server: MailServer, size: int) -> bool:
    return size > limit(server.acceptance)


def _arrival(server: MailServer, mail: Brought) -> Arrival:
    if too_large(server, mail.bytes):
        head = headers_of(mail.raw)[:LONGEST_HEAD]
        return Arrival(arrival_key(mail), head, timezone.now(), mail.bytes, headers_only=True)
    return Arrival(arrival_key(mail), mail.raw, timezone.now(), mail.bytes)


def _why_not(server: MailServer) -> str:
    if server.status == MailServer.Status.DRAFT:
        return "A mail arrived. Publish this inbox, and it will be processed when it is brought again."
    return "This inbox is paused. Please come again later."
