"""A signed-in line to an IMAP server whose every step has a deadline."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from imaplib import IMAP4
from typing import Self

from imap_tools import BaseMailBox
from imap_tools.errors import UnexpectedCommandStatusError

from mailchannel.kernel.failpoints import hit
from mailchannel.network import certificate, xoauth2
from mailchannel.network.account import Account
from mailchannel.network.conversation import FORBIDDEN, NoPasswordLogin, NoStartTls, Stage, UnsafeText
from mailchannel.network.faults import quoted
from mailchannel.network.guard import Target
from mailchannel.network.imap_wire import Wire
from mailchannel.network.sights import Sight, Step, Watch, line_sight, nobody
from mailchannel.network.watchdog import GOODBYE_SECONDS, Watchdog
from mailchannel.network.way import Way
from mailchannel.network.xoauth2 import NoTokenLogin, refusal


class MailBox(BaseMailBox):
    """imap-tools on our wire. Its `fetch`, `move`, `copy`, `flag` and `delete` are never called: they pair answers by
    position and send a plain EXPUNGE, which destroys what other people have marked deleted."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__()

    def _get_mailbox_client(self) -> IMAP4:
        return self.wire


class ImapSession:
    """After a broken answer the line is cut: whatever came next would belong to another question."""

    def __init__(self, account: Account, way: Way) -> None:
        self.stage = Stage.CONNECTING
        self.capabilities: frozenset[str] = frozenset()
        self._account = account
        self._way = way
        self._watchdog = Watchdog()
        self._seen: Watch = nobody
        self._box: MailBox | None = None

    def open(self) -> Self:
        """Looks up, connects, encrypts and signs in, all within one `timeout`. Asks for an access token before."""
        xoauth2.signed_in(self._account, self._way, self._open)
        return self

    def _open(self, account: Account) -> None:
        deadline = time.monotonic() + self._way.timeout
        self.stage = Stage.CONNECTING
        try:
            target = self._way.resolve(account.host, account.port)
            self._seen(target.sight)
            with self._watchdog.limit(deadline - time.monotonic()):
                self._enter(account, target, max(deadline - time.monotonic(), 0.1))
        except BaseException:
            self.close()
            raise

    def watch(self, seen: Watch) -> None:
        """Tells of every step of `open`. The line itself counts only once a mail server was heard on it: what else
        listens there is nobody's business."""
        self._seen = seen

    def close(self) -> None:
        """Never raises: what went wrong before is what people have to read."""
        if self._box is not None:
            with suppress(Exception), self._watchdog.limit(GOODBYE_SECONDS):
                self._box.client.logout()
        self._cut()

    @property
    def greeting(self) -> str:
        """How the server introduced itself, without the list of its abilities."""
        words = self.wire.welcome.decode("ascii", "replace").removeprefix("* OK")
        return re.sub(r"\[CAPABILITY [^]]*\]", "", words).strip()

    @property
    def wire(self) -> Wire:
        """Raises OSError once the line is cut."""
        return self.box.wire

    @property
    def box(self) -> MailBox:
        if self._box is None:
            raise ConnectionError("the connection was closed")
        return self._box

    @contextmanager
    def command(self, expect_bytes: int = 0) -> Iterator[Wire]:
        """One exchange with the server, with time and room for the announced size."""
        wire = self.wire
        wire.allow(expect_bytes)
        try:
            with self._watchdog.limit(self._way.timeout, size=expect_bytes):
                yield wire
        except UnexpectedCommandStatusError:
            raise  # a plain "no": the conversation goes on
        except Exception:
            self._cut()
            raise

    def _enter(self, account: Account, target: Target, timeout: float) -> None:
        wire = Wire(target, self._way, secure=account.secure_from_the_start, timeout=timeout, watchdog=self._watchdog)
        self._box = MailBox(wire)
        self.stage = Stage.GREETED
        self._seen(line_sight(wire.sock, account.port, self._way.proxy))
        if not account.upgrades:
            self._seen(certificate.sight(wire.sock))
        self._seen(Sight(Step.GREETING, f"It says: {quoted(self.greeting) or 'nothing'}"))
        if account.upgrades:
            _encrypt(wire)
            self._seen(certificate.sight(wire.sock))
        hit("imap.connected")
        self._seen(Sight(Step.OFFERS, f"It offers {quoted(' '.join(wire.capabilities)) or 'nothing'}."))
        _sign_in(account, self._box)
        self.stage = Stage.SIGNED_IN
        self._seen(Sight(Step.SIGN_IN, f"Signed in as {account.username}."))
        # Servers announce MOVE and UIDPLUS only to people they know; imaplib has asked before that.
        self.capabilities = _words(wire.capability()[1][-1])
        hit("imap.logged_in")

    def _cut(self) -> None:
        if self._box is not None:
            with suppress(OSError):
                self._box.client.shutdown()
            self._box = None
        self._watchdog.release()


def _sign_in(account: Account, box: MailBox) -> None:
    name, password = account.username, account.password
    if FORBIDDEN.search(name + password):
        raise UnsafeText("user name or password with a line break or NUL")
    if account.token:
        _sign_in_with_token(account, box.wire)
    elif (name + password).isascii() and "LOGINDISABLED" not in box.wire.capabilities:
        box.login(name, password, initial_folder=None)
    elif "AUTH=PLAIN" in box.wire.capabilities:
        box.login_utf8(name, password, initial_folder=None)
    else:
        raise NoPasswordLogin


def _sign_in_with_token(account: Account, wire: Wire) -> None:
    """A server that refuses says why in a challenge, which has to be answered with nothing."""
    if "AUTH=XOAUTH2" not in wire.capabilities:
        raise NoTokenLogin
    challenges: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        challenges.append(challenge)
        return account.xoauth2.encode() if len(challenges) == 1 else b""

    try:
        wire.authenticate("XOAUTH2", answer)
    except IMAP4.abort:
        raise
    except IMAP4.error as error:
        said = error.args[0] if error.args else ""
        raise refusal(challenges[-1] if len(challenges) > 1 else b"", said, account) from None


def _words(line: bytes | None) -> frozenset[str]:
    return frozenset((line or b"").decode("ascii", "replace").upper().split())


def _encrypt(wire: Wire) -> None:
    """A server that lets us in without a password before this (PREAUTH) is refused too: it would avoid encryption."""
    if "STARTTLS" not in wire.capabilities:
        raise NoStartTls
    try:
        wire.secure()
    except IMAP4.abort:
        raise
    except IMAP4.error as error:
        raise NoStartTls from error
