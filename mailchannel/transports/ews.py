"""Mailboxes on an Exchange server of one's own, reached by Exchange Web Services."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mailchannel.kernel.specs import with_defaults
from mailchannel.network.ews_account import FIELDS, EwsAccount
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import Way
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, TransportError, transport

if TYPE_CHECKING:
    from mailchannel.network.ews_folders import EwsFolder


@transport
class Ews:
    """A thin skin: Exchange's words in, plain types and TransportError out."""

    key = "ews"
    label = "Exchange (on-premises)"
    auths = ("password", "oauth_microsoft")
    has_folders = True
    lists_by_page = True  # many mails take many requests
    rewrites = True  # Exchange keeps parts of a mail and writes it down anew each time
    fields = FIELDS

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        # exchangelib takes half a second and 30 MB, which only those should pay who have such a mailbox.
        from mailchannel.network import ews_client, ews_faults

        self._faults = ews_faults
        self._account = EwsAccount.of(with_defaults(self.fields, settings))
        self._tokens = way.token is not None
        self._client = ews_client.EwsClient(self._account, way)
        self._epochs: dict[str, str] = {}  # of folders opened since we came
        self._seen: Watch = nobody

    def __enter__(self) -> Self:
        with self._explained():
            self._client.open()
        self._seen(Sight(Step.ABILITIES, f"It is {self._client.server}, and can move mail."))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._client.close()

    def watch(self, seen: Watch) -> None:
        self._seen = seen
        self._client.watch(seen)

    def notes(self) -> Sequence[str]:
        account = self._account
        return (
            f"{account.url} answered: {self._client.server}.",
            account.signed_in(token=self._tokens),
            account.opened,
        )

    def folders(self) -> Sequence[Folder]:
        with self._explained():
            return [Folder(each.path, each.special_use) for each in self._client.folders()]

    def ensure_folder(self, path: str) -> str:
        with self._explained():
            return self._client.ensure_folder(path).path

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        with self._explained():
            self._epochs[folder] = _epoch(self._client.folder(folder))
        return self._epochs[folder]

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        with self._explained():
            return self._client.keys(self._client.folder(folder), since)

    def count(self, folder: str) -> int:
        """Drafts among them."""
        with self._explained():
            found = self._client.count(self._client.folder(folder))
        return len(self.keys(folder)) if found is None else found

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        by_key = {ref.key: ref for ref in self._current(refs)}
        with self._explained():
            found = list(self._client.describe(list(by_key)))
        for mail in found:
            yield Listed(by_key[mail.key], mail.size, mail.received, mail.unread)

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        by_key = {ref.key: ref for ref in self._current(refs)}
        with self._explained():
            for key, raw in self._client.originals(list(by_key), expect_bytes=expect_bytes):
                yield Fetched(by_key[key], raw)

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        by_key = {ref.key: ref for ref in self._current(refs)}
        with self._explained():
            found = list(self._client.headers(list(by_key)))
        for key, raw in found:
            yield Fetched(by_key[key], raw)

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        with self._explained():
            keys = self._to_change(refs)
            if keys:
                self._client.move(keys, self._client.folder(folder))
        return True

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        with self._explained():
            self._client.remove(self._to_change(refs))
        return True

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        with self._explained():
            self._client.mark_read(self._to_change(refs))
        return True

    def _to_change(self, refs: Sequence[MessageRef]) -> list[str]:
        current = self._current(refs)
        if len(current) < len(refs):
            raise TransportError(f"{refs[0].folder} is another folder than before, so nothing was changed there.")
        return [ref.key for ref in current]

    def _current(self, refs: Sequence[MessageRef]) -> list[MessageRef]:
        """Without those of a folder that was deleted and made anew under the same name."""
        if not refs:
            return []
        folder = refs[0].folder
        epoch = self._epochs.get(folder) or self.epoch(folder)
        return [ref for ref in refs if ref.epoch in ("", epoch)]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The one place where what Exchange refused becomes a TransportError."""
        try:
            yield
        except self._faults.FAILURES as error:
            trouble = self._faults.explain(error, self._account, tokens=self._tokens)
            fault = trouble.fault
            # Not chained: tracebacks of the libraries hold the password in their frames.
            raise TransportError(fault.text, field=fault.field, permanent=fault.permanent, wait=trouble.wait) from None


def _epoch(folder: EwsFolder) -> str:
    """A folder keeps its id for ever, and so do the mails in it. The id itself is too long to be kept."""
    return hashlib.sha256(folder.key.encode()).hexdigest()[:32]
