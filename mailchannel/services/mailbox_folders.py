"""The folders of a mailbox: which there are, how many mails lie in each, and making those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from mailchannel.network.sights import Surveyed
from mailchannel.services.check import Candidate, Finding, Level, hurried, within
from mailchannel.services.doctor.findings import Report
from mailchannel.services.doctor.folders import lying, named
from mailchannel.services.doctor.reading import opened
from mailchannel.transports import Folder, Transport, TransportError

COUNT_FOR = 5.0  # seconds; a mailbox may have hundreds of folders


@dataclass(slots=True)
class Listing:
    """What was seen. `mails` counts as many folders as there was time for; `findings` say why there is no list.
    `can_remove` is False only where the server said that it cannot delete single mails.
    """

    folders: list[Folder] = field(default_factory=list)
    mails: dict[str, int] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    can_remove: bool = True

    def missing(self, names: Iterable[str]) -> list[str]:
        """Of `names` those no folder has; there is always an INBOX, whatever the server calls it."""
        return [name for name in dict.fromkeys(names) if name != "INBOX" and not named(name, self.folders)]


def look(candidate: Candidate) -> Listing:
    """Reads only."""
    listing, ready = Listing(), hurried(candidate)

    def job(say: Report) -> None:
        with opened(ready) as box:
            listing.can_remove = not isinstance(box, Surveyed) or box.can_remove()
            found = [folder for folder in box.folders() if folder.selectable]
            listing.folders = sorted(found, key=lambda folder: (folder.name.upper() != "INBOX", folder.name.lower()))
            _count(box, listing)

    findings = within(ready.way.timeout, {"": job})
    listing.findings = () if listing.folders else findings
    return listing


def create(candidate: Candidate, names: Sequence[str]) -> list[Finding]:
    """Makes the folders that are missing; one that exists is left as it is. Stops at the first that cannot be made."""
    ready = hurried(candidate)

    def job(say: Report) -> None:
        with opened(ready) as box:
            for name in names:
                before = {folder.name for folder in box.folders()}
                own = box.ensure_folder(name)
                done = "was there already" if own in before else "was created"
                say(Finding(Level.OK, f"“{own}” {done}."))

    return within(ready.way.timeout, {"": job})


def _count(box: Transport, listing: Listing) -> None:
    until = monotonic() + COUNT_FOR
    for folder in listing.folders:
        if monotonic() > until:
            return
        try:
            box.epoch(folder.name, readonly=True)
            listing.mails[folder.name] = lying(box, folder.name)
        except TransportError:
            continue  # listed, but not for us to open
