"""Mail that is handed to us: an MTA's pipe, later webhooks and LMTP. Kept first, then settled, nothing to file."""

from __future__ import annotations

import secrets

from django.utils import timezone

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.keep import Arrival, Place, keep
from mailchannel.services.settle import settle


def accept(server: MailServer, raw: bytes, *, transport: str, key: str = "") -> InboundMail:
    """Keeps the mail; once this returns it cannot be lost. `key` is the deliverer's name for it, if it has one: the
    same key again is the same delivery.
    """
    key = key or secrets.token_hex(16)
    place = Place(transport)
    keep(server, place, [Arrival(key, raw, timezone.now(), len(raw))])
    return InboundMail.objects.get(server=server, folder=place.folder, epoch=place.epoch, remote_key=key)


def receive(server: MailServer, raw: bytes, *, transport: str) -> InboundMail:
    """Keeps and settles. Raises StorageTrouble after keeping: the sweeper goes on from there."""
    row = accept(server, raw, transport=transport)
    settle(server, [row.pk])
    row.refresh_from_db()
    return row
