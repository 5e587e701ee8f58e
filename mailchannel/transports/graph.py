"""Mailboxes at Microsoft 365, reached by Microsoft Graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from types import TracebackType
from typing import Any, Self

from mailchannel.kernel.specs import FieldSpec, with_defaults
from mailchannel.network.graph_client import CLOUDS, GraphClient, fingerprint, parse_moment, segment
from mailchannel.network.graph_faults import Gone, GraphFault
from mailchannel.network.graph_folders import GraphFolder, GraphFolders, missing
from mailchannel.network.graph_message import DETAILS, size_of
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import Way
from mailchannel.parsing.header_block import headers_of
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, TransportError, transport

PAGE = 500
SMALL = 200_000  # bytes
FIRST = date(1970, 1, 2)  # there is no older mail
ABILITIES = "The server can move mail, and mail keeps its name when it is moved."

ENDPOINT = FieldSpec(
    "endpoint",
    "Graph endpoint",
    help="Where Microsoft Graph answers. It differs for national clouds: "
    + "; ".join(f"{url.removeprefix('https://')} ({where})" for url, where in CLOUDS)
    + ".",
    default=CLOUDS[0][0],
    required=True,
    choices=CLOUDS,
)


@transport
class Graph:
    """Keys are immutable ids, so a mail keeps its name when it is moved. `rewrites`: Graph writes a mail anew each time
    it is asked for, saying the same in other bytes.
    """

    key = "graph"
    label = "Microsoft Graph"
    auths = ("oauth_microsoft",)
    has_folders = True
    lists_by_page = True  # many mails take many requests
    rewrites = True
    fields = (
        ENDPOINT,
        FieldSpec(
            "mailbox",
            "Mailbox",
            help="The address of a shared mailbox, or of any mailbox if the application acts by itself. Left empty: "
            "the mailbox of whoever signs in.",
        ),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        wanted = with_defaults(self.fields, settings)
        self._mailbox = str(wanted["mailbox"]).strip()
        self._client = GraphClient(str(wanted["endpoint"]), self._mailbox, way)
        self._folders = GraphFolders(self._client)
        self._selected = GraphFolder("", "", has_children=False)
        self._seen: Watch = nobody
        self._known: dict[str, Listed] = {}  # of the folder just selected
        self._is_whole = False  # it is all that lies there

    def __enter__(self) -> Self:
        try:
            with self._explained("INBOX"):
                self._client.open()
                self._folders.inbox()
            self._tell()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._client.close()

    def watch(self, seen: Watch) -> None:
        self._seen = seen
        self._client.watch(seen)

    def notes(self) -> Sequence[str]:
        return (self._client.answered, self._whose(), ABILITIES)

    def folders(self) -> Sequence[Folder]:
        with self._explained():
            return [Folder(each.path, each.purpose) for each in self._folders.everything()]

    def ensure_folder(self, path: str) -> str:
        with self._explained():
            return self._folders.ensure(path).path

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        """For ever the same for this folder of this mailbox; a mailbox made anew has other folder ids."""
        self._known, self._is_whole = {}, False
        with self._explained():
            self._selected = self._folders.find(folder)
        return fingerprint(self._selected.key)

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        """`since` is taken a day early: the server's day is that of Greenwich. What was listed whole is not listed once
        more for it. Why changes alone (delta) are not asked for: docs/decisions/0007-graph-without-delta.md.
        """
        start = datetime.combine(max(since, FIRST) - timedelta(days=1), time(), UTC) if since else None
        with self._explained(folder):
            where = self._folders.find(folder)
            if start and self._is_whole and where == self._selected:
                return [key for key, mail in self._known.items() if _is_from(mail, start)]
            found = dict(self._look(where, folder, start))
        if where == self._selected:
            self._known, self._is_whole = found, start is None
        return list(found)

    def count(self, folder: str) -> int:
        """Drafts among them."""
        with self._explained(folder):
            where = self._folders.find(folder)
            found = self._client.get(f"mailFolders/{segment(where.key)}", select="totalItemCount").get("totalItemCount")
        return found if isinstance(found, int) else len(self.keys(folder))

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        """What `keys` has just been told is not asked again."""
        for ref in refs:
            if (known := self._known.get(ref.key)) and known.ref == ref:
                yield known
            elif (message := self._message(ref)) is not None:
                yield _listed(message, ref.folder, ref.epoch)

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        yield from self._bodies(refs, lambda key: self._client.mime(key, expect_bytes))

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        for fetched in self._bodies(refs, self._beginning):
            yield Fetched(fetched.ref, headers_of(fetched.raw))

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        if not refs:
            return True
        with self._explained():
            source, target = self._place(refs), self._folders.find(folder)
            if source.key == target.key:
                return True
        for ref in refs:
            self._change(ref, source, lambda path: self._client.post(f"{path}/move", {"destinationId": target.key}))
        return True

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        """Microsoft keeps what is deleted for a while, where people can get it back."""
        with self._explained():
            source = self._place(refs) if refs else self._selected
        for ref in refs:
            self._change(ref, source, self._client.delete)
        return True

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        with self._explained():
            source = self._place(refs) if refs else self._selected
        for ref in refs:
            self._change(ref, source, lambda path: self._client.patch(path, {"isRead": True}))
        return True

    def _tell(self) -> None:
        if self._seen is not nobody:
            self._seen(Sight(Step.MAILBOX, self._whose()))
            self._seen(Sight(Step.ABILITIES, ABILITIES))

    def _whose(self) -> str:
        with self._explained():
            whose = self._mailbox or self._client.whose()
        if whose:
            return f"Opened the mailbox {whose}."
        return "Opened it. Whose mailbox it is we may not know: the permission User.Read is missing."

    def _change(self, ref: MessageRef, source: GraphFolder, change: Callable[[str], object]) -> None:
        """Only where the mail still lies: its id would find it wherever a person has put it meanwhile."""
        if not self._is_there(ref, source):
            return
        try:
            with self._explained():
                change(f"messages/{segment(ref.key)}")
        except _Gone:
            if self._is_there(ref, source):  # then it is the other folder that has vanished
                raise TransportError(
                    f"A mail of {source.path} could not be moved, because the folder it should go to has just been "
                    "deleted.",
                    field="folders",
                ) from None

    def _is_there(self, ref: MessageRef, source: GraphFolder) -> bool:
        try:
            with self._explained():
                found = self._client.get(f"messages/{segment(ref.key)}", select="parentFolderId")
        except _Gone:
            return False
        return found.get("parentFolderId") == source.key

    def _bodies(self, refs: Sequence[MessageRef], read: Callable[[str], bytes]) -> Iterator[Fetched]:
        if not refs:
            return
        epoch = self._epoch_of(refs)
        for ref in refs:
            if ref.epoch not in ("", epoch):
                continue
            try:
                with self._explained():
                    raw = read(ref.key)
            except _Gone:
                continue
            yield Fetched(ref, raw)

    def _look(self, where: GraphFolder, folder: str, start: datetime | None) -> Iterator[tuple[str, Listed]]:
        how: dict[str, str | int] = {**DETAILS, "top": PAGE, "orderby": "receivedDateTime asc"}
        if start:
            how["filter"] = f"receivedDateTime ge {start:%Y-%m-%dT%H:%M:%SZ}"
        epoch = fingerprint(where.key)
        for page in self._client.pages(f"mailFolders/{segment(where.key)}/messages", **how):
            for each in page:
                if not each.get("isDraft"):
                    yield each["id"], _listed(each, folder, epoch)

    def _beginning(self, key: str) -> bytes:
        """A small mail is read whole: that is quicker than a connection of its own."""
        known = self._known.get(key)
        return self._client.mime(key) if known and 0 < known.size <= SMALL else self._client.mime_head(key)

    def _message(self, ref: MessageRef) -> dict[str, Any] | None:
        try:
            with self._explained():
                found = self._client.get(f"messages/{segment(ref.key)}", **DETAILS)
                there = found.get("parentFolderId") == self._folders.find(ref.folder).key
        except _Gone:
            return None
        return found if there else None

    def _epoch_of(self, refs: Sequence[MessageRef]) -> str:
        with self._explained():
            return fingerprint(self._folders.find(refs[0].folder).key)

    def _place(self, refs: Sequence[MessageRef]) -> GraphFolder:
        """The folder they lie in. Refuses keys of a mailbox that was made anew."""
        source = self._folders.find(refs[0].folder)
        if any(ref.epoch not in ("", fingerprint(source.key)) for ref in refs):
            raise TransportError(
                f"The server has numbered the mails in {source.path} anew, so nothing was changed there."
            )
        return source

    @contextmanager
    def _explained(self, folder: str = "") -> Iterator[None]:
        """The one place where what went wrong becomes a TransportError. A mail that has vanished is no error; a
        `folder` that has vanished is.
        """
        try:
            yield
        except GraphFault as error:
            fault, wait = error.fault, error.wait
        except Gone:
            if not folder:
                raise _Gone("It is not in this mailbox any more.") from None
            fault, wait = missing(folder).fault, 0
        else:
            return
        raise TransportError(fault.text, field=fault.field, permanent=fault.permanent, wait=wait) from None


class _Gone(TransportError):
    """The mail has vanished; whoever asked for it leaves it out."""


def _listed(message: Mapping[str, Any], folder: str, epoch: str) -> Listed:
    return Listed(
        MessageRef(folder, str(message["id"]), epoch),
        size_of(message),
        parse_moment(message.get("receivedDateTime")),
        unread=not message.get("isRead", True),
    )


def _is_from(mail: Listed, start: datetime) -> bool:
    return mail.received_at is None or mail.received_at >= start
