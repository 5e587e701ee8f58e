"""The folders of a mailbox: which there are, how many mails lie in each, and making those that are missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from django.conf import settings

from mailchannel.services.check import LONGEST, Candidate, Finding, Level
from mailchannel.services.in_time import gather
from mailchannel.transports import TRANSPORTS, Folder, Transport, TransportError

logger = logging.getLogger(__name__)

COUNT_FOR = 5.0  # seconds; a mailbox may have hundreds of folders
GRACE = 3.0  # seconds on top of the timeout, for saying goodbye
Say = Callable[[Finding], None]

#: Special use (RFC 6154) → why mail should not be read from such a folder.
ODD_SOURCES = {
    "all": "It shows every mail once more, those in other folders too: mail would be found twice, and answers we sent.",
    "junk": "It holds what the mail server takes for spam.",
    "trash": "It holds what people threw away.",
    "sent": "It holds mail that was sent from here, not mail to us.",
    "drafts": "It holds mail nobody has sent yet.",
}


@dataclass(slots=True)
class Listing:
    """What was seen. `mails` counts as many folders as there was time for; `findings` say why there is no list."""

    folders: list[Folder] = field(default_factory=list)
    mails: dict[str, int] = field(default_factory=dict)
    findings: Sequence[Finding] = ()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Servers put our folders below a prefix such as `INBOX.`, and call INBOX what is spelled otherwise."""
        there = {folder.name for folder in self.folders} | {"INBOX"}
        return [name for name in dict.fromkeys(names) if not _is_there(name, there)]


def look(candidate: Candidate) -> Listing:
    """Reads only."""
    listing = Listing()

    def job(say: Say) -> None:
        with _opened(candidate) as box:
            listing.folders.extend(folder for folder in box.folders() if folder.selectable)
            listing.folders.sort(key=lambda folder: (folder.name.upper() != "INBOX", folder.name.lower()))
            _count(box, listing)

    findings = _within(candidate.timeout, job)
    listing.findings = () if listing.folders else findings
    return listing


def create(candidate: Candidate, names: Sequence[str]) -> list[Finding]:
    """Makes the folders that are missing; one that exists is left as it is. Stops at the first that cannot be made."""

    def job(say: Say) -> None:
        with _opened(candidate) as box:
            for name in names:
                before = {folder.name for folder in box.folders()}
                own = box.ensure_folder(name)
                done = "was there already" if own in before else "was created"
                say(Finding(Level.OK, f"“{own}” {done}."))

    return _within(candidate.timeout, job)


def _is_there(name: str, there: Iterable[str]) -> bool:
    spelled = (name, name.replace("/", "."))
    below = tuple(f"{delimiter}{one}" for one in spelled for delimiter in "./")
    return any(each in spelled or each.endswith(below) for each in there)


def _count(box: Transport, listing: Listing) -> None:
    until = monotonic() + COUNT_FOR
    for folder in listing.folders:
        if monotonic() > until:
            return
        try:
            box.epoch(folder.name, readonly=True)
            listing.mails[folder.name] = len(box.keys(folder.name))
        except TransportError:
            continue  # listed, but not for us to open


def _opened(candidate: Candidate) -> Transport:
    timeout = min(candidate.timeout, LONGEST)
    transport = TRANSPORTS[candidate.protocol]
    return transport(candidate.connection, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)


def _within(timeout: float, job: Callable[[Say], None]) -> list[Finding]:
    limit = min(timeout, LONGEST)
    late = Finding(Level.BAD, f"No answer within {limit:g} seconds.", "Check server name, port and firewall.")
    return gather(limit + GRACE, job, failed=_explained, late=late)


def _explained(error: Exception) -> Finding:
    if isinstance(error, TransportError):
        return Finding(Level.BAD, str(error), field=error.field)
    logger.error("Looking at a mailbox's folders failed in a way nobody planned", exc_info=error)
    return Finding(Level.BAD, "Something unexpected happened.", "The log of this application says what.")
