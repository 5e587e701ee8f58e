"""“Test connection”: look at a mailbox with settings that may not be saved yet, and change nothing there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings

from mailchannel.models import FolderMapping, MailServer
from mailchannel.senders import SENDERS, SendError
from mailchannel.services.in_time import gather
from mailchannel.services.validation import TARGETS
from mailchannel.services.vault import connection_settings, sending_settings
from mailchannel.transports import TRANSPORTS, Folder, Transport, TransportError

logger = logging.getLogger(__name__)

LONGEST = 20.0  # seconds a person waits in front of a form, whatever the mailbox's own timeout is
_GRACE = 3.0  # on top of the timeout, for saying goodbye


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"

    @property
    def mark(self) -> str:
        return {"ok": "✓", "warn": "!", "bad": "✕"}[self.value]

    @property
    def word(self) -> str:
        """The mark, for a screen reader."""
        return {"ok": "Good", "warn": "Note", "bad": "Problem"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result. `field` names the form field to look at, `advice` says what to do."""

    level: Level
    text: str
    advice: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings as they stand in the form. Secrets are in `connection` and `sending`, so it has no repr of them."""

    protocol: str
    timeout: float
    connection: Mapping[str, Any] = field(repr=False)
    sending: Mapping[str, Any] = field(repr=False)
    sources: Sequence[str] = ()
    targets: Sequence[str] = ()
    since: datetime | None = None


def stored(server: MailServer) -> Candidate:
    """The saved settings, with the secrets they were saved with. An unsaved mail server has no folders yet."""
    folders = list(server.folders.all()) if server.pk else []
    return Candidate(
        protocol=server.protocol,
        timeout=server.timeout_ms / 1000,
        connection=connection_settings(server),
        sending=sending_settings(server),
        sources=[row.folder for row in folders if row.role == FolderMapping.Role.SOURCE],
        targets=[row.folder for row in folders if row.role in TARGETS],
        since=server.sync_start,
    )


Report = Callable[[Finding], None]


def check(candidate: Candidate) -> list[Finding]:
    """Reading and sending, side by side, within `timeout` and a few seconds."""
    return _within(candidate.timeout, lambda say: _mailbox(candidate, say), lambda say: _sending(candidate, say))


def folders(candidate: Candidate) -> tuple[list[Folder], list[Finding]]:
    """The mailbox's folders, or why they could not be listed."""
    found: list[Folder] = []

    def look(say: Report) -> None:
        with _opened(candidate) as box:
            found.extend(folder for folder in box.folders() if folder.selectable)

    findings = _within(candidate.timeout, look)
    return list(found), findings


def _within(timeout: float, *jobs: Callable[[Report], None]) -> list[Finding]:
    limit = min(timeout, LONGEST)
    late = Finding(Level.BAD, f"No answer within {limit:g} seconds.", "Check server name, port and firewall.")
    return gather(limit + _GRACE, *jobs, failed=_explained, late=late)


def _explained(error: Exception) -> Finding:
    if isinstance(error, TransportError):
        return Finding(Level.BAD, str(error), field=error.field)
    if isinstance(error, SendError):
        return Finding(Level.BAD, f"Sending: {error}", field=f"sending-{error.field}" if error.field else "")
    logger.error("A connection test failed in a way nobody planned", exc_info=error)
    return Finding(Level.BAD, "Something unexpected happened.", "The log of this application says what.")


def _opened(candidate: Candidate) -> Transport:
    transport = TRANSPORTS[candidate.protocol]
    timeout = min(candidate.timeout, LONGEST)
    return transport(candidate.connection, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)


def _mailbox(candidate: Candidate, say: Report) -> None:
    if candidate.connection.get("encryption") == "none":
        say(
            Finding(
                Level.WARN,
                "The password travels unencrypted.",
                "Choose TLS or STARTTLS if the server can.",
                "encryption",
            )
        )
    with _opened(candidate) as box:
        for note in box.notes():
            say(Finding(Level.OK, note))
        if not box.has_folders:
            return
        listed = [folder for folder in box.folders() if folder.selectable]
        say(Finding(Level.OK, f"{_count(len(listed), 'folder')} can be read."))
        for source in candidate.sources:
            say(_source(box, source, listed, candidate.since))
        missing = [target for target in candidate.targets if not _exists(target, listed)]
        if missing:
            names = ", ".join(f"“{name}”" for name in missing)
            say(Finding(Level.WARN, f"Not there yet: {names}.", "Created when the first mail goes there."))


_ODD_SOURCES = {"all", "junk", "trash", "sent", "drafts"}


def _source(box: Transport, name: str, listed: Sequence[Folder], since: datetime | None) -> Finding:
    folder = next((f for f in listed if f.name == name or f.name.upper() == name.upper() == "INBOX"), None)
    if folder is None:
        return Finding(Level.BAD, f"There is no folder “{name}”.", "Choose one of the mailbox's folders.", "source")
    box.epoch(folder.name, readonly=True)
    total = len(box.keys(folder.name))
    text = f"“{folder.name}” holds {_count(total, 'mail')}."
    if since:
        recent = len(box.keys(folder.name, since.date()))
        text = (
            f"“{folder.name}” holds {_count(total, 'mail')}; at most {recent:,} came since {since.day} {since:%B %Y}."
        )
    if folder.special_use in _ODD_SOURCES:
        advice = f"The server calls this its “{folder.special_use}” folder. Reading it usually doubles or misses mail."
        return Finding(Level.WARN, text, advice, "source")
    return Finding(Level.OK, text)


def _exists(name: str, listed: Sequence[Folder]) -> bool:
    """Servers put our folders below a prefix such as `INBOX.`."""
    return any(f.name == name or f.name.endswith((f".{name}", f"/{name}")) for f in listed)


def _sending(candidate: Candidate, say: Report) -> None:
    if not candidate.sending.get("host"):
        say(Finding(Level.WARN, "Sending is not set up.", "Answers cannot leave until it is.", "sending-host"))
        return
    timeout = min(candidate.timeout, LONGEST)
    sender = SENDERS["smtp"](candidate.sending, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)
    for note in sender.check():
        say(Finding(Level.OK, f"Sending: {note}"))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
