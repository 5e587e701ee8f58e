"""A line on which an IMAP server tells of new mail (IDLE, RFC 2177), kept by thousands without a thread each."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from mailchannel.network.account import Account
from mailchannel.network.faults import Fault, quoted, talking
from mailchannel.network.imap_client import ImapClient
from mailchannel.network.imap_faults import FAILURES, explain
from mailchannel.network.way import Way

#: A server that says this much without a line end, or at once, is no mail server we would listen to.
LONGEST_LINE = 65_536
MOST_AT_ONCE = 1_000_000
_PIECE = 16_384

#: Seconds: a line nobody speaks on is looked after by the kernel; a dead one is noticed after two minutes.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))

_COUNT = re.compile(rb"\* (\d{1,10}) (EXISTS|RECENT|EXPUNGE)\b", re.IGNORECASE)


class LineFailed(Exception):
    """Why there is no line, or no line any more, in words for people."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.permanent = fault.permanent


@dataclass(frozen=True, slots=True)
class Inbox:
    """What the server told when the folder was opened. `mark` is another one once new mail has come, as far as the
    server tells."""

    exists: int
    recent: int
    mark: str


class Hung(Exception):
    """The server has ended the conversation, or cannot be followed any more. Its words, where there are some."""


class Idling:
    """One side of the conversation, without a socket: bytes in, bytes out.

    After `begin` and `renew` the server owes an answer (`waits`); whoever owns the line gives it a deadline.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._exists = inbox.exists
        self._recent = inbox.recent
        self._rest = b""
        self._number = 0
        self._done = False  # said, and the end of the command is awaited
        self.waits = False
        self.refused = False

    def begin(self) -> bytes:
        self._number += 1
        self._done, self.waits = False, True
        return b"W%d IDLE\r\n" % self._number

    def renew(self) -> bytes:
        """Servers hang up on people who say nothing for half an hour, and routers forget lines much sooner."""
        self._done = self.waits = True
        return b"DONE\r\n"

    def hear(self, data: bytes) -> tuple[bool, bytes]:
        """(whether there may be new mail, what to answer). Raises Hung."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise Hung("a line without an end")
        heard = [self._line(line.rstrip(b"\r")) for line in lines]
        return any(news for news, _ in heard), b"".join(answer for _, answer in heard)

    def _line(self, line: bytes) -> tuple[bool, bytes]:
        if line.startswith(b"+"):
            self.waits = self._done  # some begin to tell before they have agreed
        elif line[:5].upper() == b"* BYE":
            raise Hung(quoted(line[5:]))
        elif line.startswith(b"W%d " % self._number):
            return False, self._ended(line)
        elif found := _COUNT.match(line):
            return self._counted(found[2].upper(), int(found[1])), b""
        return False, b""

    def _ended(self, line: bytes) -> bytes:
        """The command ends because we said so; a server that ends it by itself refuses."""
        if not self._done:
            self.refused = True
            raise Hung(quoted(line.partition(b" ")[2]))
        return self.begin()

    def _counted(self, what: bytes, number: int) -> bool:
        """Mail that leaves is told as well, mostly because we have moved it ourselves: that is no news."""
        if what == b"EXPUNGE":
            self._exists = max(self._exists - 1, 0)
            return False
        before = self._exists if what == b"EXISTS" else self._recent
        if what == b"EXISTS":
            self._exists = number
        else:
            self._recent = number
        return number > before


class IdleLine:
    """A socket that never blocks, with the conversation on it. Every method may raise LineFailed."""

    def __init__(self, sock: socket.socket, account: Account, inbox: Inbox, heard: bytes) -> None:
        self._sock = sock
        self._account = account
        self._heard = heard  # before the socket became ours
        self._talk = Idling(inbox)
        self.inbox = inbox

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def waits(self) -> bool:
        """The server owes us an answer."""
        return self._talk.waits

    def begin(self) -> bool:
        """Whether there may be new mail already."""
        with self._explained():
            self._send(self._talk.begin())
            return self._hear(self._heard)

    def read(self) -> bool:
        """Whether there may be new mail. To be called when there is something to read."""
        with self._explained():
            return any([self._hear(data) for data in self._pieces()])

    def renew(self) -> None:
        with self._explained():
            self._send(self._talk.renew())

    def overdue(self) -> LineFailed:
        return LineFailed(talking(TimeoutError(), host=self._account.host))

    def close(self) -> None:
        """Takes leave without waiting for an answer."""
        with suppress(OSError):
            self._sock.send(b"DONE\r\nW0 LOGOUT\r\n")
        with suppress(OSError):
            self._sock.close()

    def _hear(self, data: bytes) -> bool:
        news, answer = self._talk.hear(data)
        if answer:
            self._send(answer)
        return news

    def _send(self, words: bytes) -> None:
        """A few bytes for which there is no room are a few bytes for which there is no line."""
        if self._sock.send(words) != len(words):
            raise ConnectionError("the line is full")

    def _pieces(self) -> Iterator[bytes]:
        """Everything there is: what TLS has decrypted already would wake nobody."""
        size = 0
        while size < MOST_AT_ONCE:
            try:
                data = self._sock.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                raise ConnectionError("the server hung up")
            size += len(data)
            yield data
        raise Hung("more than anybody has to say")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Hung as error:
            words = str(error) or "nothing more"
            if self._talk.refused:
                text = f"{self._account.host} does not tell us of new mail, although it says it could: {words}"
                raise LineFailed(Fault(text, permanent=True)) from None
            raise LineFailed(Fault(f"{self._account.host} hung up: {words}")) from None
        except OSError as error:
            raise LineFailed(talking(error, host=self._account.host)) from None


def open_line(account: Account, way: Way, folder: str) -> IdleLine:
    """Connects, signs in and opens the folder without changing anything in it; blocks, within the way's timeout for
    each step. What comes back never blocks. Raises LineFailed.
    """
    client = _Client(account, way)
    try:
        client.open()
        if "IDLE" not in client.capabilities:
            raise LineFailed(Fault(f"{account.host} does not offer to tell of new mail (IDLE).", permanent=True))
        return client.idle_line(folder)
    except FAILURES as error:
        raise LineFailed(explain(error, account, client.stage)) from None
    finally:
        client.close()


class _Client(ImapClient):
    def idle_line(self, folder: str) -> IdleLine:
        inbox = self._inbox(folder)
        sock, heard = self._hand_over()
        return IdleLine(sock, self._account, inbox, heard)

    def _inbox(self, folder: str) -> Inbox:
        epoch = self.select(folder, readonly=True)
        numbers = {name: _number(self.wire.response(name)[1]) for name in ("EXISTS", "RECENT", "UIDNEXT")}
        next_one = numbers["UIDNEXT"] or f"{numbers['EXISTS']} mails"
        return Inbox(numbers["EXISTS"], numbers["RECENT"], f"{epoch}/{next_one}")

    def _hand_over(self) -> tuple[socket.socket, bytes]:
        """The socket, and what was read ahead; this client has none from now on."""
        wire = self.wire
        sock = wire.sock
        for name, seconds in _KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setblocking(False)
        heard, ahead = b"", cast(BufferedReader, wire.file)
        with suppress(ssl.SSLWantReadError):
            heard = ahead.read1() or b""
        ahead.close()
        self._box = None
        self._watchdog.release()
        return sock, heard


def _number(answer: list[bytes | None]) -> int:
    last = (answer or [None])[-1] or b""
    return int(last) if last.isdigit() else 0
