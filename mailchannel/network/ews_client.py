"""One mailbox on an Exchange server: folders, keys, mails as bytes, moving and sending."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from exchangelib import errors
from exchangelib.properties import DistinguishedFolderId, FolderId, Mailbox
from exchangelib.util import create_element

from mailchannel.network import ews_header, ews_services
from mailchannel.network.ews_account import EwsAccount
from mailchannel.network.ews_folders import INBOX, WELL_KNOWN, EwsFolder, NoSuchFolder, Tree, checked
from mailchannel.network.ews_line import Line, Visitor
from mailchannel.network.ews_services import STUMBLED, UNWRITABLE, Answers, key_of, raised, said
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import Way

SMALL = 2_000_000  # bytes of mail that may come in one answer
FEW = 20  # mails in one answer
PRODUCTS = {
    (14, 3): "Exchange Server 2010",
    (15, 0): "Exchange Server 2013",
    (15, 1): "Exchange Server 2016",
    (15, 2): "Exchange Server 2019 or SE",
    (15, 20): "Exchange Online",
}
ADDRESS = re.compile(r"[^\s@<>\x00-\x1f]+@[^\s@<>\x00-\x1f]+")
NO_FOLDER = (errors.ErrorFolderNotFound, errors.ErrorToFolderNotFound)
GONE = (errors.ErrorItemNotFound, errors.ErrorInvalidIdMalformed)
#: All that is known of a mail that cannot be read at all.
NOTHING = create_element("t:Message")


class NoUrl(Exception):
    """There is no server in it."""


class NoAddress(Exception):
    """No mailbox can have it."""


@dataclass(frozen=True, slots=True)
class EwsListed:
    key: str
    size: int
    received: datetime | None
    unread: bool


class EwsClient:
    """Raises what `ews_faults.FAILURES` names. May be opened again once it was closed."""

    def __init__(self, account: EwsAccount, way: Way) -> None:
        self.account = account
        self._line = Line(account, way)
        self._visitor = Visitor(account, self._line)
        self._special: dict[str, str] = {}
        self._root = ""
        self._inbox = EwsFolder("", INBOX)
        self._tree: Tree | None = None
        self._seen: Watch = nobody

    def watch(self, seen: Watch) -> None:
        """Tells of every step of `open`."""
        self._seen = seen
        self._line.session.watch(seen)

    def open(self) -> None:
        """Signs in by asking for the folders every mailbox has. One that only lets us into its inbox will do."""
        if not self.account.host:
            raise NoUrl(self.account.url)
        if not ADDRESS.fullmatch(self.account.mailbox):
            raise NoAddress(self.account.mailbox)
        names = ("inbox", "msgfolderroot", *WELL_KNOWN)
        answers = list(ews_services.get_folders(self._visitor, [self._called(name) for name in names]))
        inbox = key_of(raised(answers[0]), "FolderId") if answers else ""
        if not inbox:
            raise errors.MalformedResponseError("no inbox")
        self._inbox = EwsFolder(inbox, INBOX)
        found = {name: _folder_key(answer) for name, answer in zip(names, answers, strict=False)}
        self._root = found.get("msgfolderroot", "")
        self._special = {found[name]: use for name, use in WELL_KNOWN.items() if found.get(name)}
        self._special[self._inbox.key] = INBOX
        self._seen(Sight(Step.MAILBOX, self.account.opened))

    def close(self) -> None:
        self._line.close()
        self._tree = None

    @property
    def server(self) -> str:
        """Once opened."""
        build = self._visitor.version.build
        name = PRODUCTS.get((build.major_version, build.minor_version), "Exchange")
        return f"{name}, version {build}"

    def folders(self) -> list[EwsFolder]:
        """Those that hold mail, the inbox under its usual name."""
        self._tree = None
        return [self._inbox, *(each for each in self._known() if each.key != self._inbox.key)]

    def folder(self, path: str) -> EwsFolder:
        """Raises NoSuchFolder, InvalidName."""
        if checked(path).casefold() == INBOX.casefold():
            return self._inbox
        found = self._known().find(path)
        if found is None:
            raise NoSuchFolder(path)
        return found

    def ensure_folder(self, path: str) -> EwsFolder:
        """With all levels above it. Raises InvalidName."""
        levels = checked(path).split("/")
        at = EwsFolder(self._root, "")
        for depth in range(1, len(levels) + 1):
            here = "/".join(levels[:depth])
            try:
                at = self.folder(here)
            except NoSuchFolder:
                if not self._root:  # we were let into the inbox alone
                    raise
                ews_services.create_folder(self._visitor, FolderId(id=at.key), levels[depth - 1])
                self._tree = None
                at = self.folder(here)
        return at

    def keys(self, folder: EwsFolder, since: date | None = None) -> list[str]:
        """Oldest first, without drafts."""
        with _naming(folder):
            found = map(raised, ews_services.find_items(self._visitor, FolderId(id=folder.key), since))
            mails = (key_of(each) for each in found if said(each, "IsDraft") != "true")
            return list(dict.fromkeys(mails))  # what arrives while pages are turned makes others appear twice

    def count(self, folder: EwsFolder) -> int | None:
        """Drafts among them. None: Exchange does not say."""
        with _naming(folder):
            found = ews_services.get_folders(self._visitor, [FolderId(id=folder.key)], ("total_count",))
            totals = [said(raised(each), "TotalCount") for each in found]
        return next((int(total) for total in totals if total.isdecimal()), None)

    def describe(self, keys: Sequence[str]) -> Iterator[EwsListed]:
        for key, item in self._there(keys, ("size", "datetime_received", "is_read")):
            received, size = said(item, "DateTimeReceived"), said(item, "Size")
            arrived = datetime.fromisoformat(received) if received else None
            yield EwsListed(key, int(size) if size.isdecimal() else 0, arrived, said(item, "IsRead") == "false")

    def originals(self, keys: Sequence[str], *, expect_bytes: int = 0) -> Iterator[tuple[str, bytes]]:
        """Small mails come several in an answer; otherwise each comes by itself, so that one is held at a time."""
        step = FEW if 0 < expect_bytes <= SMALL else 1
        for start in range(0, len(keys), step):
            with self._patience(expect_bytes):
                some = list(ews_services.get_items(self._visitor, keys[start : start + step], ("mime_content",)))
            while some:
                yield from self._original(*some.pop(0))

    def headers(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for key, item in self._there(keys, ews_header.FIELDS):
            yield key, ews_header.header_block(item)

    def move(self, keys: Sequence[str], folder: EwsFolder) -> None:
        """What is gone already is left out. Raises NoSuchFolder."""
        target = FolderId(id=folder.key)
        with _naming(folder):
            if _unless_gone(ews_services.move_items(self._visitor, keys, target)):
                return
            # Not all were there; or is it the folder that is gone?
            for answer in ews_services.get_folders(self._visitor, [target]):
                if isinstance(answer, GONE):
                    raise NoSuchFolder(folder.path)
                raised(answer)

    def remove(self, keys: Sequence[str]) -> None:
        """Into the folder for deleted items, where a person finds it again."""
        _unless_gone(ews_services.delete_items(self._visitor, keys))

    def mark_read(self, keys: Sequence[str]) -> None:
        unread = [(key, item) for key, item in self._there(keys, ("is_read",)) if said(item, "IsRead") == "false"]
        changes = [(key, key_of(item, part="ChangeKey")) for key, item in unread]
        _unless_gone(ews_services.mark_items_read(self._visitor, changes))

    def send(self, raw: bytes, *, keep_copy: bool) -> None:
        """To the recipients its own headers name."""
        with self._patience(len(raw)):
            ews_services.send_item(self._visitor, raw, self._called("sentitems") if keep_copy else None)

    def _known(self) -> Tree:
        if self._tree is None:
            found = ews_services.folders_below(self._visitor, FolderId(id=self._root)) if self._root else iter(())
            self._tree = Tree(map(raised, found), root=self._root, special=self._special)
        return self._tree

    def _called(self, name: str) -> DistinguishedFolderId:
        return DistinguishedFolderId(id=name, mailbox=Mailbox(email_address=self.account.mailbox))

    def _original(self, key: str, answer: Any) -> Iterator[tuple[str, bytes]]:
        """Of a mail Exchange cannot write down, what it knows of it, with a word why: better than none, and than a mail
        that stops all others.
        """
        if isinstance(answer, STUMBLED):
            ((_, answer),) = ews_services.get_items(self._visitor, [key], ("mime_content",))
        if isinstance(answer, GONE):
            return
        encoded = "" if isinstance(answer, (*UNWRITABLE, STUMBLED)) else said(raised(answer), "MimeContent")
        if encoded:
            yield key, b64decode(encoded)
            return
        for _, item in self._there([key], (*ews_header.FIELDS, "text_body")):
            yield key, ews_header.substitute(item, said(item, "TextBody"))

    def _there(self, keys: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, Any]]:
        for key, answer in ews_services.get_items(self._visitor, keys, fields):
            if isinstance(answer, UNWRITABLE):
                yield key, NOTHING
            elif not isinstance(answer, GONE):
                yield key, raised(answer)

    @contextmanager
    def _patience(self, size: int) -> Iterator[None]:
        """So many bytes get the time they need."""
        self._line.session.expect_bytes = size
        try:
            yield
        finally:
            self._line.session.expect_bytes = 0


def _folder_key(answer: Any) -> str:
    return "" if isinstance(answer, Exception) else key_of(answer, "FolderId")


@contextmanager
def _naming(folder: EwsFolder) -> Iterator[None]:
    """Exchange itself does not say which folder it misses."""
    try:
        yield
    except NO_FOLDER:
        raise NoSuchFolder(folder.path) from None


def _unless_gone(answers: Answers) -> bool:
    """None was. Raises what else was refused."""
    answered = list(answers)
    for answer in answered:
        if not isinstance(answer, GONE):
            raised(answer)
    return not any(isinstance(answer, GONE) for answer in answered)
