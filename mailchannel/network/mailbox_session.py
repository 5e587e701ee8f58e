"""How a signed-in line to a mailbox comes about, whatever protocol is spoken on it."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from typing import Self

from mailchannel.network import certificate, xoauth2
from mailchannel.network.account import Account
from mailchannel.network.conversation import Stage
from mailchannel.network.dialler import Dialler
from mailchannel.network.faults import quoted
from mailchannel.network.sights import Sight, Step, Watch, line_sight, nobody
from mailchannel.network.watchdog import Watchdog
from mailchannel.network.way import Way


class MailboxSession(ABC):
    """Every step of it has a deadline."""

    def __init__(self, account: Account, way: Way) -> None:
        self.stage = Stage.CONNECTING
        self._account = account
        self._way = way
        self._watchdog = Watchdog()
        self._seen: Watch = nobody

    def open(self) -> Self:
        """Looks up, connects, encrypts and signs in, all within one `timeout`. Asks for an access token before."""
        xoauth2.signed_in(self._account, self._way, self._open)
        return self

    def watch(self, seen: Watch) -> None:
        """Tells of every step of `open`. The line itself counts only once a mail server was heard on it: what else
        listens there is nobody's business."""
        self._seen = seen

    @abstractmethod
    def close(self) -> None:
        """Never raises: what went wrong before is what people have to read."""

    @abstractmethod
    def _enter(self, account: Account, dialler: Dialler, timeout: float) -> None:
        """From the greeting to the sign-in; tells of both, and of what lies in between."""

    def _open(self, account: Account) -> None:
        deadline = time.monotonic() + self._way.timeout
        self.stage = Stage.CONNECTING
        try:
            target = self._way.resolve(account.host, account.port)
            self._seen(target.sight)
            dialler = Dialler(target, self._way, self._watchdog, secure=account.secure_from_the_start)
            with self._watchdog.limit(deadline - time.monotonic()):
                self._enter(account, dialler, max(deadline - time.monotonic(), 0.1))
        except BaseException:
            self.close()
            raise

    def _greeted(self, account: Account, sock: socket.socket | None, words: str) -> None:
        self.stage = Stage.GREETED
        self._seen(line_sight(sock, account.port, self._way.proxy))
        if not account.upgrades:
            self._seen(certificate.sight(sock))
        self._seen(Sight(Step.GREETING, f"It says: {quoted(words) or 'nothing'}"))

    def _signed_in(self, account: Account) -> None:
        self.stage = Stage.SIGNED_IN
        self._seen(Sight(Step.SIGN_IN, f"Signed in as {account.username}."))
