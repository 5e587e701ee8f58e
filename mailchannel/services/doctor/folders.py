"""What is in the mailbox, and what we may do there. Only looks: nothing is created, marked or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from django.utils import timezone

from mailchannel.network.sights import Surveyed
from mailchannel.services.after import CANNOT_DELETE
from mailchannel.services.doctor.findings import Candidate, Level
from mailchannel.services.doctor.journey import Journey
from mailchannel.transports import Counting, Folder, Transport, TransportError

FOLDERS, MAILS, RIGHTS = "Folders", "Mails", "Folder rights"
STEPS = (FOLDERS, MAILS, RIGHTS)
NEARLY_FULL = 90  # percent

#: Special use (RFC 6154) → why mail should not be read from such a folder.
ODD_SOURCES: Final = {
    "all": "It shows every mail once more, those in other folders too: mail would be found twice, and answers we sent.",
    "junk": "It holds what the mail server takes for spam.",
    "trash": "It holds what people threw away.",
    "sent": "It holds mail that was sent from here, not mail to us.",
    "drafts": "It holds mail nobody has sent yet.",
}
T = TypeVar("T")


def look(box: Transport, candidate: Candidate, journey: Journey) -> None:
    listed = [folder for folder in box.folders() if folder.selectable]
    journey.say(Level.OK, FOLDERS, f"{_count(len(listed), 'folder')} can be read.{_home(box)}")
    opened = [_source(box, name, listed, candidate, journey) for name in candidate.sources or ("INBOX",)]
    missing = [name for name in candidate.targets if not named(name, listed)]
    if missing:
        names = ", ".join(f"“{name}”" for name in missing)
        journey.say(Level.WARN, RIGHTS, f"Not there yet: {names}.", "Created when the first mail goes there.")
    targets = [found for name in candidate.targets if (found := named(name, listed))]
    _rights(box, [folder for folder in opened if folder], targets, journey)
    _space(box, journey)
    _removal(box, candidate, journey)


def _removal(box: Transport, candidate: Candidate, journey: Journey) -> None:
    if candidate.deletes and isinstance(box, Surveyed) and not box.can_remove():
        advice = "Have UIDPLUS switched on, or move such mail to a folder instead."
        journey.say(Level.WARN, RIGHTS, CANNOT_DELETE, advice, "after-processed")


def _source(
    box: Transport, name: str, listed: Sequence[Folder], candidate: Candidate, journey: Journey
) -> Folder | None:
    """The folder that mail is read from, once it was opened."""
    folder = next((f for f in listed if f.name == name or f.name.upper() == name.upper() == "INBOX"), None)
    if folder is None:
        journey.say(Level.BAD, MAILS, f"There is no folder “{name}”.", "Choose one of the mailbox's folders.", "source")
        return None
    box.epoch(folder.name, readonly=True)
    text = f"“{folder.name}” holds {_count(lying(box, folder.name), 'mail')}."
    if since := candidate.since:
        recent, day = len(box.keys(folder.name, since.date())), timezone.localtime(since)
        text = f"{text.rstrip('.')}; at most {recent:,} came since {day.day} {day:%B %Y}."
    if folder.special_use in ODD_SOURCES:
        journey.say(Level.WARN, MAILS, text, ODD_SOURCES[folder.special_use], "source")
    else:
        journey.say(Level.OK, MAILS, text)
    return folder


def lying(box: Transport, name: str) -> int:
    """So many mails are in the folder just opened."""
    return box.count(name) if isinstance(box, Counting) else len(box.keys(name))


def _rights(box: Transport, sources: Sequence[Folder], targets: Sequence[Folder], journey: Journey) -> None:
    """Where the server keeps lists of rights (RFC 4314); elsewhere a mailbox is its owner's."""
    if not isinstance(box, Surveyed):
        return
    told = 0
    for name, rights in _told(box, sources):
        told += 1
        if not ("d" in rights or {"t", "e"} <= set(rights)):
            text = f"Mail in “{name}” may be read, but not removed (rights: {rights})."
            journey.say(Level.WARN, RIGHTS, text, "Allow this account to delete there, or processed mail stays.")
    for name, rights in _told(box, targets):
        told += 1
        if "i" not in rights:
            text = f"Mail may not be put into “{name}” (rights: {rights})."
            advice = "Allow this account to insert mail there, or choose another folder."
            journey.say(Level.BAD, RIGHTS, text, advice, "folders")
    found = f"Looked at the rights in {_count(told, 'folder')}." if told else "The server keeps no list of rights."
    journey.say(Level.OK, RIGHTS, f"{found} Nothing was created or moved to try them.")


def _told(box: Surveyed, folders: Sequence[Folder]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        rights = _asked(partial(box.rights, folder.name))
        if rights is not None:
            yield folder.name, rights


def _space(box: Transport, journey: Journey) -> None:
    space = _asked(box.space) if isinstance(box, Surveyed) else None
    if space is None:
        return
    percent = round(100 * space.used / space.limit)
    text = f"{percent} % of {_size(space.limit)} are used."
    if percent >= NEARLY_FULL:
        journey.say(
            Level.WARN, RIGHTS, text, "Make room soon: a full mailbox takes no mail, and none can be moved in it."
        )
    else:
        journey.say(Level.OK, RIGHTS, text)


def _home(box: Transport) -> str:
    home = _asked(box.home) if isinstance(box, Surveyed) else ""
    return f" Its own folders lie below “{home}”." if home else ""


def _asked(question: Callable[[], T]) -> T | None:
    """These answers are a bonus: a server that has none is no worse for it."""
    try:
        return question()
    except TransportError:
        return None


def named(name: str, listed: Iterable[Folder]) -> Folder | None:
    """The folder people mean by `name`: servers put our folders below a prefix such as `INBOX.`, and some have dots
    between the levels. Of several the one with the shortest prefix."""
    spelled = (name, name.replace("/", "."))
    below = tuple(f"{delimiter}{each}" for each in spelled for delimiter in "./")
    found = (folder for folder in listed if folder.name in spelled or folder.name.endswith(below))
    return min(found, key=lambda folder: len(folder.name), default=None)


def _size(kilobytes: int) -> str:
    megabytes = kilobytes * 1024 / 1e6
    return f"{megabytes / 1000:,.1f} GB" if megabytes >= 1000 else f"{megabytes:,.1f} MB"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
