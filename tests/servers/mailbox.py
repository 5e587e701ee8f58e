"""One user's mailbox on a test server, seen by a second client: what lies where, and putting mail there."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from imap_tools.imap_utf7 import utf7_decode
from imap_tools.utils import encode_folder

from tests.servers.loopback import HOST


@dataclass(frozen=True)
class Mailbox:
    username: str
    password: str
    port: int
    tls_port: int
    pop3_port: int
    pop3_tls_port: int
    directory: Path

    @property
    def settings(self) -> dict[str, Any]:
        """Connection settings of the IMAP transport, secrets included."""
        return {
            "host": HOST,
            "port": self.port,
            "encryption": "none",
            "username": self.username,
            "password": self.password,
        }

    @property
    def settings_over_tls(self) -> dict[str, Any]:
        return {**self.settings, "host": "localhost", "port": self.tls_port, "encryption": "tls"}

    def deliver(
        self,
        raw: bytes,
        folder: str = "INBOX",
        internal_date: datetime | None = None,
        flags: Sequence[str] = (),
    ) -> str:
        """Puts a mail there; returns its UID."""
        with self.client() as client:
            return _append(client, raw, folder, internal_date, flags)

    def deliver_all(self, mails: Sequence[bytes], folder: str = "INBOX") -> list[str]:
        with self.client() as client:
            return [_append(client, raw, folder, None, ()) for raw in mails]

    def mails(self, folder: str = "INBOX") -> list[bytes]:
        """Every original in the folder, oldest first."""
        return [item[1] for item in self._fetch(folder, "(BODY.PEEK[])") if isinstance(item, tuple)]

    def flags(self, folder: str = "INBOX") -> dict[str, set[str]]:
        """UID → flags."""
        lines = [item.decode() for item in self._fetch(folder, "(FLAGS)") if isinstance(item, bytes)]
        found = [re.search(r"UID (\d+) FLAGS \(([^)]*)\)", line) for line in lines]
        return {match[1]: set(match[2].split()) for match in found if match}

    def uids(self, folder: str = "INBOX") -> list[str]:
        return list(self.flags(folder))

    def folders(self) -> list[str]:
        with self.client() as client:
            lines = [line for line in client.list()[1] if isinstance(line, bytes)]
        names = [re.search(r'\) (?:"[^"]*"|NIL) (.+)$', utf7_decode(line)) for line in lines]
        return sorted(match[1].strip('"') for match in names if match)

    def create(self, folder: str) -> None:
        with self.client() as client:
            _ok(client.create(encode_folder(folder).decode()))

    def flag(self, uid: str, flag: str, folder: str = "INBOX") -> None:
        with self.client() as client:
            _ok(client.select(encode_folder(folder).decode()))
            _ok(client.uid("STORE", uid, "+FLAGS.SILENT", f"({flag})"))

    def remove(self, uid: str, folder: str = "INBOX") -> None:
        """As a person would: flagged and expunged."""
        with self.client() as client:
            _ok(client.select(encode_folder(folder).decode()))
            _ok(client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"))
            _ok(client.uid("EXPUNGE", uid))

    def forget_uids(self) -> None:
        """What a restored backup does: the server numbers the inbox anew, under a new UIDVALIDITY."""
        for name in ("dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache"):
            (self.directory / name).unlink(missing_ok=True)

    @contextmanager
    def client(self) -> Iterator[imaplib.IMAP4]:
        """A plain client of its own, signed in."""
        client = imaplib.IMAP4(HOST, self.port, timeout=10)
        client.authenticate("PLAIN", lambda _: f"\0{self.username}\0{self.password}".encode())
        yield client
        client.logout()

    def _fetch(self, folder: str, parts: str) -> list[Any]:
        with self.client() as client:
            _ok(client.select(encode_folder(folder).decode(), readonly=True))
            return [item for item in client.uid("FETCH", "1:*", parts)[1] if item is not None]


@dataclass(frozen=True)
class Pop3Mailbox(Mailbox):
    """The same mailbox for somebody who reads it over POP3; seen from behind it is still one of IMAP."""

    @classmethod
    def of(cls, mailbox: Mailbox) -> Self:
        return cls(**vars(mailbox))

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "port": self.pop3_port}

    @property
    def settings_over_tls(self) -> dict[str, Any]:
        return {**super().settings_over_tls, "port": self.pop3_tls_port}


def _append(
    client: imaplib.IMAP4, raw: bytes, folder: str, internal_date: datetime | None, flags: Sequence[str]
) -> str:
    when = imaplib.Time2Internaldate(internal_date) if internal_date else None
    answer = client.append(encode_folder(folder).decode(), f"({' '.join(flags)})" if flags else None, when, raw)
    return str(_ok(answer)[0].decode().split("]")[0].split()[-1])


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    assert answer[0] == "OK", answer
    return answer[1]
