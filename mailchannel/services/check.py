"""“Test connection”: look at a mailbox with settings that may not be saved yet, and change nothing there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from mailchannel.models import FolderMapping, MailServer
from mailchannel.services import after
from mailchannel.services.doctor import reading, sending
from mailchannel.services.doctor.findings import Candidate, Finding, Level, Report, as_text
from mailchannel.services.in_time import Job, gather
from mailchannel.services.validation import TARGETS
from mailchannel.services.vault import connection_settings, sending_settings
from mailchannel.services.ways import asked_now, reading_way, sending_way
from mailchannel.transports import TransportError

__all__ = ["Candidate", "Finding", "Level", "as_text", "check", "hurried", "stored", "within"]

logger = logging.getLogger(__name__)

LONGEST = 20.0  # seconds a person waits in front of a form, whatever the mailbox's own timeout is
_GRACE = 4.0  # on top of the timeout: for saying goodbye, or for a look at a bad certificate


def stored(server: MailServer) -> Candidate:
    """The saved settings, with the secrets they were saved with. An unsaved mail server has no folders yet."""
    folders = list(server.folders.all()) if server.pk else []
    patience = min(server.timeout_ms / 1000, LONGEST)
    return Candidate(
        protocol=server.protocol,
        connection=connection_settings(server),
        way=reading_way(server, patience),
        sending_protocol=server.sending_protocol,
        sending=sending_settings(server),
        sending_way=sending_way(server, patience),
        sources=[row.folder for row in folders if row.role == FolderMapping.Role.SOURCE],
        targets=[row.folder for row in folders if row.role in TARGETS],
        deletes=after.deletes(server),
        since=server.sync_start,
    )


def check(candidate: Candidate) -> list[Finding]:
    """Reading and sending, side by side, within their timeout and a few seconds. Stops each at the first line that
    makes the rest pointless."""
    ready = hurried(candidate)
    patience = max(ready.way.timeout, ready.sending_way.timeout)
    return within(patience, {part.PART: partial(part.look, ready) for part in (reading, sending)})


def hurried(candidate: Candidate) -> Candidate:
    """What jobs for `within` are given: a person waits for them, and they must not touch the database."""
    quick = candidate.within(LONGEST)
    return replace(quick, way=asked_now(quick.way), sending_way=asked_now(quick.sending_way))


def within(seconds: float, parts: Mapping[str, Callable[[Report], None]]) -> list[Finding]:
    """What was said side by side, by heading, and what went wrong; never waits much longer than `seconds`."""
    return gather(seconds + _GRACE, *(_job(part, look, seconds) for part, look in parts.items()))


def _job(part: str, look: Callable[[Report], None], seconds: float) -> Job[Finding]:
    late = f"No answer within {seconds:g} seconds."
    return Job(
        look, partial(_explained, part), Finding(Level.BAD, late, "Check server name, port and firewall.", part=part)
    )


def _explained(part: str, error: Exception) -> Finding:
    if isinstance(error, TransportError):
        return Finding(Level.BAD, str(error), field=error.field, part=part)
    logger.error("Looking at a mailbox failed in a way nobody planned", exc_info=error)
    return Finding(Level.BAD, "Something unexpected happened.", "The log of this application says what.", part=part)
