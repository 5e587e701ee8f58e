"""The IMAP commands a helpdesk sends: by UID, in batches, and never a folder-wide EXPUNGE."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from imap_tools.errors import (
    MailboxFetchError,
    MailboxFlagError,
    MailboxMoveError,
    MailboxUidsError,
    UnexpectedCommandStatusError,
)
from imap_tools.utils import check_command_status, encode_folder

from mailchannel.kernel.failpoints import hit
from mailchannel.network.imap_answers import (
    FolderLine,
    Message,
    Mismatch,
    folder_lines,
    messages,
    personal_namespace,
)
from mailchannel.network.imap_session import ImapSession

LONGEST_FOLDER_NAME = 255


class BadFolderName(ValueError):
    """Not a name any server should be asked about."""


class NoSuchFolder(Exception):
    """The server does not know this folder."""


class StillThere(Exception):
    """The server said yes to deleting mail, and has it still."""


class ImapClient(ImapSession):
    """UIDs belong to the folder selected last."""

    def folders(self) -> list[FolderLine]:
        # Only the extended form makes every server tell what a folder is for (RFC 6154).
        extended = {"LIST-EXTENDED", "SPECIAL-USE"} <= self.capabilities
        with self.command() as wire:
            answer = wire.list('""', '"*" RETURN (SPECIAL-USE)' if extended else '"*"')
            return list(folder_lines(answered(answer)))

    def ensure_folder(self, path: str) -> str:
        """The server's own name for `path`; `/` separates levels. Created when missing."""
        encoded_name(path)
        folders = self.folders()
        there = {folder.name for folder in folders if folder.selectable}
        if path in there:
            return path
        name = self._own_name(path, folders)
        if name not in there:
            self._create(name)
        return name

    def select(self, folder: str, *, readonly: bool) -> str:
        """Opens the folder and returns its UIDVALIDITY.

        A server without one gets a fresh value every time, so that nobody relies on its UIDs beyond this session.
        """
        encoded = encoded_name(folder)
        try:
            with self.command() as wire:
                self.box.folder.set(encoded, readonly)
                validity = (wire.response("UIDVALIDITY")[1] or [None])[-1]
        except UnexpectedCommandStatusError as error:
            raise NoSuchFolder(folder) from error
        hit("imap.selected")
        return validity.decode("ascii", "replace") if validity not in (None, b"0") else f"none-{secrets.token_hex(4)}"

    def search(self, criteria: str) -> list[str]:
        """UIDs, oldest first. No CHARSET is sent: some servers refuse it."""
        with self.command() as wire:
            found = answered(wire.uid("SEARCH", criteria), MailboxUidsError)
        hit("imap.searched")
        uids = [uid.decode() for line in found for uid in (line or b"").split() if uid.isdigit()]
        return sorted(uids, key=int)

    def describe(self, uids: Sequence[str]) -> list[Message]:
        """Sizes, arrival times and flags of what is still there."""
        wanted = set(uids)
        seen = self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE FLAGS)")
        return [message for message in seen if message.uid in wanted and message.size is not None]

    def bodies(self, uids: Sequence[str], section: str = "", expect_bytes: int = 0) -> dict[str, bytes]:
        """UID → untouched bytes, in one round trip. Raises Mismatch when the server answers something else."""
        found = self._fetch(uids, f"(UID BODY.PEEK[{section}])", expect_bytes)
        hit("imap.fetched")
        return {message.uid: message.body for message in found if message.body is not None}

    def move(self, uids: Sequence[str], folder: str) -> bool:
        """Safe to repeat at any point. False: the server can neither MOVE nor expunge single messages, so they stay."""
        if "MOVE" in self.capabilities:
            self._put("MOVE", uids, folder)
            hit("imap.moved")
        elif self.can_remove:
            self._copy_and_remove(uids, folder)
        else:
            self._flag(uids, r"(\Seen)")
            return False
        return True

    @property
    def can_remove(self) -> bool:
        """Without UIDPLUS there is only the EXPUNGE that also destroys what other people have marked deleted."""
        return "UIDPLUS" in self.capabilities

    def remove(self, uids: Sequence[str]) -> bool:
        """Safe to repeat at any point. False: the server cannot delete single messages, so they stay as they are."""
        if not self.can_remove:
            return False
        there = [message.uid for message in self.describe(uids)]
        self._expunge(there)
        if self.describe(there):  # without the right to, some servers ignore the mark (RFC 4314, section 4)
            raise StillThere
        return True

    def mark_read(self, uids: Sequence[str]) -> bool:
        unread = [message.uid for message in self.describe(uids) if r"\Seen" not in message.flags]
        self._flag(unread, r"(\Seen)")
        hit("imap.flag_seen")
        return True

    def append(self, raw: bytes, folder: str) -> None:
        """Puts a mail into the folder, marked as read."""
        name = encoded_name(folder).decode()
        try:
            with self.command(len(raw)) as wire:
                answered(wire.append(name, r"(\Seen)", "", raw))
        except UnexpectedCommandStatusError as error:
            if "TRYCREATE" in str(error):
                raise NoSuchFolder(folder) from error
            raise

    def _copy_and_remove(self, uids: Sequence[str], folder: str) -> None:
        """A message already marked deleted is one whose copy was made before a crash."""
        present = self.describe(uids)
        self._put("COPY", [message.uid for message in present if r"\Deleted" not in message.flags], folder)
        hit("imap.copied")
        self._expunge([message.uid for message in present])

    def _expunge(self, uids: Sequence[str]) -> None:
        self._flag(uids, r"(\Deleted)")
        hit("imap.flag_deleted")
        if uids:
            with self.command() as wire:
                answered(wire.uid("EXPUNGE", ",".join(uids)), MailboxMoveError)
        hit("imap.expunged")

    def _put(self, command: str, uids: Sequence[str], folder: str) -> None:
        """COPY or MOVE. A refusal does not matter once all the messages have gone."""
        if not uids:
            return
        encoded = encoded_name(folder).decode()
        try:
            with self.command() as wire:
                answered(wire.uid(command, ",".join(uids), encoded), MailboxMoveError)
        except MailboxMoveError as error:
            if folder not in {each.name for each in self.folders()}:
                raise NoSuchFolder(folder) from error
            if self.describe(uids):
                raise

    def _flag(self, uids: Sequence[str], flags: str) -> None:
        if uids:
            with self.command() as wire:
                answered(wire.uid("STORE", ",".join(uids), "+FLAGS.SILENT", flags), MailboxFlagError)

    def _fetch(self, uids: Sequence[str], parts: str, expect_bytes: int = 0) -> list[Message]:
        if not uids:
            return []
        with self.command(expect_bytes) as wire:
            wire.response("FETCH")  # forget what the server told unasked during earlier commands
            answer = wire.uid("FETCH", ",".join(uids), parts)
            if b"EXPUNGEISSUED" in (answer[1][-1] or b""):  # some are gone; the others were sent (RFC 2180, 4.1.2)
                answer = ("OK", wire.response("FETCH")[1])
            found = list(messages(answered(answer, MailboxFetchError)))
            _check_bodies(found, set(uids))
        return found

    def _own_name(self, path: str, folders: Sequence[FolderLine]) -> str:
        prefix, delimiter = self.namespace() or ("", folders[0].delimiter if folders else "/")
        name = path.replace("/", delimiter) if delimiter else path
        return name if name.startswith(prefix) or name.upper() == "INBOX" else prefix + name

    def namespace(self) -> tuple[str, str] | None:
        """What the names of one's own folders begin with, and what separates their levels."""
        if "NAMESPACE" not in self.capabilities:
            return None
        with self.command() as wire:
            return personal_namespace(answered(wire.namespace())[-1] or b"")

    def _create(self, name: str) -> None:
        encoded = encoded_name(name)
        try:
            with self.command():
                self.box.folder.create(encoded)
        except UnexpectedCommandStatusError:
            if name not in {folder.name for folder in self.folders()}:  # else somebody was quicker
                raise
        with suppress(UnexpectedCommandStatusError), self.command():
            self.box.folder.subscribe(encoded, True)  # or people's mail programs would not show it


def answered(answer: tuple[str, list[Any]], error: type[Exception] = UnexpectedCommandStatusError) -> list[Any]:
    """What the server said to a command it carried out; raises `error` otherwise."""
    check_command_status(answer, error)
    return answer[1]


def _check_bodies(found: Sequence[Message], wanted: set[str]) -> None:
    """A body under another UID, or two under one, would put one customer's mail into another's ticket."""
    uids = [message.uid for message in found if message.body is not None]
    strangers = sorted(set(uids) - wanted)
    if strangers or len(uids) != len(set(uids)):
        raise Mismatch(f"asked for messages {', '.join(sorted(wanted))}, got {', '.join(uids)}")


def encoded_name(folder: str) -> bytes:
    """The name in modified UTF-7 and quotes. Raises BadFolderName."""
    if not 0 < len(folder) <= LONGEST_FOLDER_NAME or not folder.isprintable():
        raise BadFolderName(folder)
    return encode_folder(folder)
