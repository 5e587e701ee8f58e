"""Mailboxes reached over IMAP with a user name and a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from types import TracebackType
from typing import Any, Self

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.network import imap_survey
from mailchannel.network.account import Account, place
from mailchannel.network.imap_client import ImapClient
from mailchannel.network.imap_faults import FAILURES, explain
from mailchannel.network.sights import Sight, Space, Step, Watch, nobody
from mailchannel.network.way import Way
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, TransportError, transport

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EPOCH = date(1970, 1, 1)


@transport
class Imap:
    """A thin skin: protocol words in, plain types and TransportError out."""

    key = "imap"
    label = "IMAP"
    auths = ("password", "oauth_microsoft", "oauth")
    has_folders = True
    fields = (
        *place("imap.example.com", port=993, ports="993 for TLS, 143 for STARTTLS."),
        FieldSpec("username", "User name", help="Often the whole mail address.", required=True),
        FieldSpec("password", "Password", Kind.SECRET, required=True, auths=("password",)),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        self._account = Account.of(with_defaults(self.fields, settings))
        self._client = ImapClient(self._account, way)
        self._selected = ("", "", True)  # folder, epoch, readonly
        self._seen: Watch = nobody

    def __enter__(self) -> Self:
        with self._explained():
            self._client.open()
        self._seen(_abilities(self._client.capabilities))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._client.close()

    def notes(self) -> Sequence[str]:
        with self._explained():
            wire = self._client.wire
            return (
                f"{self._account.host} answered on port {self._account.port}: {self._client.greeting}",
                wire.encryption,
                f"Signed in as {self._account.username}.",
                _how_mail_leaves(self._client.capabilities),
            )

    def watch(self, seen: Watch) -> None:
        self._seen = seen
        self._client.watch(seen)

    def rights(self, folder: str) -> str | None:
        with self._explained():
            return imap_survey.rights(self._client, folder)

    def space(self) -> Space | None:
        with self._explained():
            return imap_survey.space(self._client)

    def home(self) -> str:
        with self._explained():
            return (self._client.namespace() or ("", ""))[0]

    def folders(self) -> Sequence[Folder]:
        with self._explained():
            return [Folder(line.name, line.special_use, line.selectable) for line in self._client.folders()]

    def ensure_folder(self, path: str) -> str:
        with self._explained():
            return self._client.ensure_folder(path)

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        self._selected = ("", "", True)  # a folder that cannot be opened leaves none open
        with self._explained():
            epoch = self._client.select(folder, readonly=readonly)
        self._selected = (folder, epoch, readonly)
        return epoch

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        with self._explained():
            return self._client.search(f"UNDELETED UNDRAFT{_since(since)}")

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        with self._explained():
            found = self._client.describe(self._uids(refs))
        by_uid = {ref.key: ref for ref in refs}
        for message in found:
            unread = r"\Seen" not in message.flags
            yield Listed(by_uid[message.uid], message.size or 0, message.received, unread)

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        yield from self._bodies(refs, "", expect_bytes)

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        yield from self._bodies(refs, "HEADER", 0)

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        return self._change(refs, lambda uids: self._client.move(uids, folder))

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        return self._change(refs, self._client.remove)

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        return self._change(refs, self._client.mark_read)

    def can_remove(self) -> bool:
        return self._client.can_remove

    def put(self, raw: bytes, folder: str) -> None:
        with self._explained():
            self._client.append(raw, folder)

    def _change(self, refs: Sequence[MessageRef], change: Callable[[list[str]], bool]) -> bool:
        if not refs:
            return True
        with self._explained():
            uids = self._uids(refs, to_change=True)
            if len(uids) < len(refs):
                raise TransportError(
                    f"The server has numbered the mails in {refs[0].folder} anew, so nothing was changed there."
                )
            return change(uids)

    def _bodies(self, refs: Sequence[MessageRef], section: str, expect_bytes: int) -> Iterator[Fetched]:
        with self._explained():
            found = self._client.bodies(self._uids(refs), section, expect_bytes)
        for ref in refs:
            if ref.key in found:
                yield Fetched(ref, found.pop(ref.key))  # popped, so that a taken mail is not held here as well

    def _uids(self, refs: Sequence[MessageRef], *, to_change: bool = False) -> list[str]:
        """UIDs in the folder of `refs`, which is opened when need be; none of another epoch."""
        if not refs:
            return []
        folder, _, readonly = self._selected
        if folder != refs[0].folder or (to_change and readonly):
            self.epoch(refs[0].folder, readonly=not to_change)
        return [ref.key for ref in refs if ref.epoch in ("", self._selected[1])]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The one place where what went wrong on the wire becomes a TransportError."""
        try:
            yield
        except FAILURES as error:
            fault = explain(error, self._account, self._client.stage)
            # Not chained: tracebacks of the libraries hold the password in their frames.
            raise TransportError(fault.text, field=fault.field, permanent=fault.permanent) from None


def _since(day: date | None) -> str:
    """Two days early: the server compares dates in a zone of its own. Nothing for days before there was mail, which
    servers refuse or misread.
    """
    if day is None or day <= EPOCH:
        return ""
    early = max(day - timedelta(days=2), EPOCH)
    return f" SINCE {early.day}-{MONTHS[early.month - 1]}-{early.year}"


def _abilities(capabilities: frozenset[str]) -> Sight:
    """RFC 6851 (MOVE), 4315 (UIDPLUS) and 2177 (IDLE), and what happens without the first two."""
    told = [word for word in ("MOVE", "UIDPLUS", "IDLE") if word in capabilities]
    text = f"{_how_mail_leaves(capabilities)} It announces {', '.join(told) or 'nothing else we use'}."
    if "MOVE" in capabilities:
        return Sight(Step.ABILITIES, text)
    if "UIDPLUS" in capabilities:
        return Sight(Step.ABILITIES, text, "A breakdown in between may leave a second copy of a mail, never a ticket.")
    return Sight(Step.ABILITIES, text, "Have MOVE or UIDPLUS switched on if mail should leave the folder it came to.")


def _how_mail_leaves(capabilities: frozenset[str]) -> str:
    if {"MOVE", "UIDPLUS"} <= capabilities:
        return "The server can move mail (MOVE)."
    if "MOVE" in capabilities:
        return "The server can move mail (MOVE), but not delete single mails (UIDPLUS): mail to be deleted would stay."
    if "UIDPLUS" in capabilities:
        return "The server cannot move mail in one step (MOVE); it is copied and then removed instead (UIDPLUS)."
    return "The server can neither move mail nor remove single mails: processed mail stays in place, marked as read."
