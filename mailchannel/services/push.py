"""Mail that is handed to us, as by an MTA's pipe: kept first, then settled, nothing to file."""

from __future__ import annotations

import secrets

from django.utils import timezone

from mailchannel.models import MailServer
from mailchannel.services.keep import Arrival, Kept, Place, keep


def accept(server: MailServer, raw: bytes, *, transport: str) -> Kept:
    """Keeps the mail; once this returns it cannot be lost. Each call is a delivery of its own."""
    arrival = Arrival(secrets.token_hex(16), raw, timezone.now(), len(raw))
    (kept,) = keep(server, Place(transport), [arrival])
    return kept
