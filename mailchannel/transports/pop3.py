"""Mailboxes reached over POP3: one inbox, from which mail is taken or in which it is left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from types import TracebackType
from typing import Any, Final, Self

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.network.account import Account, place
from mailchannel.network.pop3_client import Pop3Client
from mailchannel.network.pop3_faults import FAILURES, explain, patience
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import Way
from mailchannel.parsing.dates import read_date
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, TransportError, transport

INBOX: Final = "INBOX"

#: What the mail server itself wrote on top when it took the mail in; the moment stands behind the last semicolon.
LONGEST_HEAD: Final = 64_000
RECEIVED: Final = re.compile(rb"^Received:((?:[^\n]|\n[ \t]){0,4000})", re.IGNORECASE | re.MULTILINE)


@transport
class Pop3:
    """A thin skin: protocol words in, plain types and TransportError out."""

    key = "pop3"
    label = "POP3"
    auths = ("password", "oauth_microsoft", "oauth")
    has_folders = False
    reuses_keys = True  # a server may give the name of a deleted mail to a new one
    fields = (
        *place("pop.example.com", port=995, ports="995 for TLS, 110 for STARTTLS."),
        FieldSpec("username", "User name", help="Often the whole mail address.", required=True),
        FieldSpec("password", "Password", Kind.SECRET, required=True, auths=("password",)),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        self._account = Account.of(with_defaults(self.fields, settings))
        self._client = Pop3Client(self._account, way)
        self._seen: Watch = nobody
        self._looked = False

    def __enter__(self) -> Self:
        with self._explained():
            self._client.open()
        if self._seen is not nobody:
            self._look_around()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._client.close()

    def notes(self) -> Sequence[str]:
        with self._explained():
            found = _abilities(self._client)
            return (
                f"{self._account.host} answered on port {self._account.port}: {self._client.greeting}",
                self._client.wire.encryption,
                f"Signed in as {self._account.username}.",
                f"{found.text} {found.worry}".strip(),
            )

    def watch(self, seen: Watch) -> None:
        self._seen = seen
        self._client.watch(seen)

    def folders(self) -> Sequence[Folder]:
        return [Folder(INBOX)]

    def ensure_folder(self, path: str) -> str:
        """There is none to be made; `move` says that mail stays."""
        return path

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        """Names last for ever, unless the server begins to give some where it had given none."""
        _must_be_inbox(folder)
        with self._explained():
            if self._looked:
                self._client.reopen()
            self._looked = True
            return "uidl" if self._client.has_names else "headers"

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        _must_be_inbox(folder)
        with self._explained():
            return list(self._client.numbers)

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        for ref in refs:
            with self._explained():
                size, head = self._client.size(ref.key), self._client.head(ref.key)
            if size is not None and head is not None:
                yield Listed(ref, size, _received(head))

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        for ref in refs:
            with self._explained():
                raw = self._client.original(ref.key)
            if raw is not None:
                yield Fetched(ref, raw)

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        for ref in refs:
            with self._explained():
                head = self._client.head(ref.key)
            if head is not None:
                yield Fetched(ref, head)

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        return not refs

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        with self._explained():
            self._client.remove([ref.key for ref in refs])
        return True

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        return not refs

    def _look_around(self) -> None:
        """Nobody leaves what was never entered."""
        try:
            with self._explained():
                self._seen(_abilities(self._client))
        except TransportError:
            self._client.close()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The one place where what went wrong on the wire becomes a TransportError."""
        try:
            yield
        except FAILURES as error:
            fault, wait = explain(error, self._account, self._client.stage), patience(error)
            # Not chained: tracebacks of the library hold the password in their frames.
            raise TransportError(fault.text, field=fault.field, permanent=fault.permanent, wait=wait) from None


def _must_be_inbox(folder: str) -> None:
    if folder != INBOX:
        text = f"POP3 knows one folder only, {INBOX}, and not “{folder}”."
        raise TransportError(text, field="folders", permanent=True)


def _abilities(client: Pop3Client) -> Sight:
    """RFC 1939 (7) leaves UIDL and TOP to the server; without them we read more than we would."""
    count = client.count()
    held = f"“{INBOX}” holds {count:,} mail{'' if count == 1 else 's'}."
    if client.has_names:
        return Sight(Step.ABILITIES, f"{held} Each has a name of its own (UIDL), so that none is fetched twice.")
    return Sight(
        Step.ABILITIES,
        f"{held} They have no names of their own (UIDL).",
        "So that none becomes two tickets, the headers of all of them are read with every fetch. Use IMAP if the "
        "server can, or have mail deleted once it is processed.",
    )


def _received(head: bytes) -> datetime | None:
    found = RECEIVED.search(head[:LONGEST_HEAD])
    return read_date(found[1].rpartition(b";")[2]) if found else None
