"""What is answered to a mail server: 250 once the mail is kept, 451 while it cannot be, 5xx where it never will be.

Runs in threads of its own, because it talks to the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Final, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections

from mailchannel.models import MailServer
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services import inbox, push
from mailchannel.services.push import Brought, NotTaken
from mailchannel.services.spool import Spool, in_turn

log = logging.getLogger(__name__)

KEPT: Final = "250 2.0.0 kept"
LATER: Final = "451 4.3.0 cannot be kept right now, please try again later"
NOT_YET: Final = "451 4.2.1 this inbox takes no mail right now, please try again later"
UNKNOWN: Final = "550 5.1.1 no such inbox here"
TOO_LARGE: Final = "552 5.3.4 this mail is larger than this inbox takes"

#: Of a mail for several inboxes as much is read as the one takes that takes most.
MOST: Final = 150_000_000

T = TypeVar("T")


def with_database(work: Callable[..., T]) -> Callable[..., T]:
    """Threads live longer than connections do."""

    @wraps(work)
    def worked(*args: object) -> T:
        close_old_connections()
        try:
            return work(*args)
        finally:
            close_old_connections()

    return worked


@with_database
def may_come(address: str) -> tuple[str, int]:
    """The answer to a recipient, and how many bytes of a mail are worth reading for it."""
    try:
        server = inbox.recipient(address)
        return (KEPT, limit(server.acceptance)) if server else (UNKNOWN, 0)
    except Exception:
        log.exception("an inbox could not be looked up; the mail will be brought again")
        return LATER, 0


@with_database
def deliver(addresses: Sequence[str], spool: Spool, transport: str, one_answer: bool) -> list[str]:
    """An answer for each address. Several of them may be one inbox, which gets the mail once. Closes the spool.

    `one_answer`: nothing can be refused for one inbox alone, so what is too large for one of several is taken by all.
    """
    with spool:
        inboxes = [_found(address) for address in addresses]
        keys = {found.pk for found in inboxes if found is not None}
        may_refuse = not one_answer or len(keys) == 1
        answers: dict[int, str] = {}
        for found in inboxes:
            if found is not None and found.pk not in answers:
                answers[found.pk] = _answer(found, spool, transport, may_refuse=may_refuse)
        # Who is gone since RCPT is refused there next time.
        return [answers[found.pk] if found is not None else LATER for found in inboxes]


def _found(address: str) -> MailServer | None:
    try:
        return inbox.recipient(address)
    except (DatabaseError, InterfaceError, OSError, MemoryError):
        return None


def _answer(server: MailServer, spool: Spool, transport: str, *, may_refuse: bool) -> str:
    try:
        if may_refuse and inbox.refuses_large(server) and push.too_large(server, spool.size):
            return TOO_LARGE
        with in_turn(spool.size):
            kept = push.take(server, [Brought(spool.content(), size=spool.size)], transport=transport)
    except NotTaken:
        return NOT_YET
    except (DatabaseError, InterfaceError, OSError, MemoryError) as error:
        log.warning("mail for %s was not taken, it will be brought again: %s", server.name, error)
        return LATER
    except Exception:
        log.exception("mail for %s was not taken in a way nobody planned; it will be brought again", server.name)
        return LATER
    if kept:
        push.settle_soon(server)
    return KEPT
