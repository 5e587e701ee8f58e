"""Named places where a test may make the process die, fail or hang; nothing happens without the variable."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

#: "name:n:action": the n-th time this process reaches `name`, do `action`.
VARIABLE = "HELPDESK_FAILPOINT"

#: Name → the moment it stands for, in the order a mail meets them.
NAMES = {
    "lease.taken": "this worker holds the mail server, nothing is connected",
    "imap.connected": "the server has greeted",
    "imap.logged_in": "signed in, capabilities known",
    "imap.selected": "the folder is open",
    "imap.searched": "the keys of the folder are known",
    "imap.fetched": "a batch of originals is in memory, nothing is kept",
    "keep.inserted": "rows for a batch are written, not committed",
    "keep.committed": "the originals are kept",
    "settle.attempt_committed": "the attempt is counted, nothing is parsed",
    "settle.parsed": "the mail is parsed, nothing is decided",
    "settle.ticket_written": "the ticket is written, not committed",
    "settle.committed": "the ticket is committed, the mail still lies where it was",
    "imap.moved": "UID MOVE is done, nobody has noted it",
    "imap.copied": "without MOVE: the copy is in the target folder",
    "imap.flag_deleted": "without MOVE, or to delete it: the message in the source folder is marked deleted",
    "imap.expunged": "without MOVE, or to delete it: the message has left the source folder",
    "imap.flag_seen": "the message is marked as read where it lies, nobody has noted it",
    "pop3.connected": "the server has greeted",
    "pop3.logged_in": "signed in, capabilities known",
    "pop3.listed": "the names of all mails are known",
    "pop3.fetched": "an original is in memory, nothing is kept",
    "pop3.marked": "mails are marked deleted, without QUIT the server still keeps them",
    "pop3.deleted": "QUIT is done and the mails are gone, nobody has noted it",
    "file.committed": "it is noted where the mail lies now",
    "back.marked": "a failed mail is marked to be judged anew, and still lies in the fail folder",
    "back.moved": "it lies in the inbox again, nobody has noted it",
    "send.claimed": "an outgoing mail is marked as being sent",
    "send.sent": "the mail is handed over, nobody has noted it",
}

_reached: Counter[str] = Counter()


def hit(name: str) -> None:
    """Call at the place `name` describes."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    _reached[name] += 1
    place, times, action = wanted.split(":")
    if place == name and _reached[name] == int(times):
        ACTIONS[action]()


def disarm() -> None:
    """For a child process whose death would be blamed on the mail it reads rather than on the failpoint."""
    os.environ.pop(VARIABLE, None)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise RuntimeError("failpoint")


def _sleep() -> None:
    time.sleep(60)


def _enospc() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ACTIONS: dict[str, Callable[[], None]] = {"kill": _kill, "raise": _raise, "sleep": _sleep, "enospc": _enospc}
