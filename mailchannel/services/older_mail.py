"""Mail from before the start date: the newest of it stands in the mail log. Where a folder is listed page by page, once
an hour has to do.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.transports import TRANSPORTS, Transport

#: So many are listed in the mail log, the newest of them; the rest is left unread.
LOGGED: Final = 1000
#: A folder with years of mail in it is a hundred pages of Microsoft Graph; by IMAP it is one answer.
EVERY: Final = timedelta(hours=1)

log = logging.getLogger(__name__)


def is_due(server: MailServer, box: Transport, folder: str, epoch: str) -> bool:
    """Also after each publication, and for mail that a person has put back since: it may be from before the start."""
    if not _lists_by_page(box):
        return True
    looked = _looked(_name(server, folder, epoch))
    if looked is None:
        return True
    failed = InboundMail.objects.filter(server__in=of_same_account(server), outcome=Outcome.FAILED)
    return failed.filter(retry_at__gte=looked).exists()


def was_looked_for(server: MailServer, box: Transport, folder: str, epoch: str, began: datetime) -> None:
    """Call when all of it was taken in; `began` is when it was listed."""
    if not _lists_by_page(box):
        return
    try:
        cache.set(_name(server, folder, epoch), began, EVERY.total_seconds())
    except Exception:  # each cache fails in a way of its own
        log.warning("the cache cannot be written; mail from before the start date is looked for again", exc_info=True)


def keys(box: Transport, folder: str, start: datetime, *, older: bool) -> list[str]:
    """Of the folder just opened, oldest first."""
    since = start.date()
    if not older:
        return list(box.keys(folder, since))
    found = list(box.keys(folder))
    recent = set(box.keys(folder, since)) if found else set()
    skipped = set([key for key in found if key not in recent][:-LOGGED])
    return [key for key in found if key not in skipped]


def _lists_by_page(box: Transport) -> bool:
    return getattr(TRANSPORTS[box.key], "lists_by_page", False)


def _looked(name: str) -> datetime | None:
    """None as well where the cache is out of reach, which must not keep mail from coming."""
    try:
        found = cache.get(name)
    except Exception:
        log.warning("the cache cannot be read; mail from before the start date is looked for again", exc_info=True)
        return None
    return found if isinstance(found, datetime) else None


def _name(server: MailServer, folder: str, epoch: str) -> str:
    place = hashlib.sha256(f"{folder}\n{epoch}".encode()).hexdigest()
    return f"older-mail:{server.pk}:{server.version}:{place}"
