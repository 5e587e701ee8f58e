"""Ways to reach a mailbox. One module per protocol; drop a file in to add one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from mailchannel.kernel.registry import Registry
from mailchannel.kernel.specs import FieldSpec
from mailchannel.network.way import Way


class TransportError(Exception):
    """Said in words an administrator understands. `field` names the setting to look at.

    `permanent` means that trying again with the same settings cannot help (wrong password, missing folder). `wait`:
    the server wants to be left alone for so many seconds.
    """

    def __init__(self, message: str, *, field: str = "", permanent: bool = False, wait: float = 0) -> None:
        super().__init__(message)
        self.field = field
        self.permanent = permanent
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as the server names it, hierarchy delimiter and prefix included."""

    name: str
    special_use: str = ""  # RFC 6154, lower case without backslash: junk, trash, sent, all, drafts, archive
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Names one message in one mailbox, and still does tomorrow."""

    folder: str
    key: str  # UID, UIDL, item id
    epoch: str = ""  # UIDVALIDITY and its cousins; a changed epoch makes every key worthless


@dataclass(frozen=True, slots=True)
class Listed:
    """What can be known of a message before its body is read."""

    ref: MessageRef
    size: int  # bytes
    received_at: datetime | None  # aware; INTERNALDATE and its cousins, never the Date header
    unread: bool = False  # False as well where the protocol does not tell


@dataclass(frozen=True, slots=True)
class Fetched:
    ref: MessageRef
    raw: bytes


class Transport(Protocol):
    """A context manager: entering connects and signs in, leaving says goodbye and never raises.

    Every method may raise TransportError and may be interrupted at any line and run again. All server work is
    bounded by `timeout` seconds plus what the announced sizes need.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    fields: ClassVar[tuple[FieldSpec, ...]]  # the connection settings; Kind.SECRET ones come decrypted
    auths: ClassVar[tuple[str, ...]]  # ways of signing in: password, oauth_microsoft, oauth; the first is the usual one
    has_folders: ClassVar[bool]

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None: ...

    def notes(self) -> Sequence[str]:
        """What "Test connection" shows: greeting, how TLS was set up, capabilities that matter."""
        ...

    def folders(self) -> Sequence[Folder]: ...

    def ensure_folder(self, path: str) -> str:
        """Creates the folder unless it exists; `/` separates levels. Returns the server's own name for it."""
        ...

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        """Selects the folder and returns the epoch its keys belong to. `readonly` promises that nothing changes."""
        ...

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        """Keys of the messages in the folder just selected, oldest first, without those marked deleted.

        `since` may be ignored or applied coarsely: it only spares work. A transport that `lists_by_page` is asked for
        the whole folder but now and then, so it leaves out nothing that came in on that day of Greenwich or later.
        """
        ...

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        """Messages that have vanished meanwhile are left out."""
        ...

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        """Untouched bytes; sets no flag. `expect_bytes` is the announced total, for the deadline."""
        ...

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        """Only the header block, for a mail whose body will not be read."""
        ...

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        """Moves what is still there; safe to repeat. False: this server can only leave them where they are."""
        ...


@runtime_checkable
class Remover(Protocol):
    """A transport that can also take mail away for good, or mark it as read where it lies."""

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        """Deletes what is still there; safe to repeat. False: this server cannot delete single mails."""
        ...

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        """False: this server knows no such mark."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """A transport that can put mail into a folder, as one puts letters into a file."""

    def put(self, raw: bytes, folder: str) -> None:
        """Once more each time it is asked. Shown as read."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A transport that can say how many mails lie in a folder, where listing them would take long."""

    def count(self, folder: str) -> int: ...


TRANSPORTS: Registry[type[Transport]] = Registry(__name__)


def transport(cls: type[Any]) -> type[Any]:
    """Class decorator: makes a transport known under its `key`."""
    TRANSPORTS.add(cls.key, cls)
    return cls
