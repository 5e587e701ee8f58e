"""A signed-in line to an IMAP server whose every step has a deadline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from imaplib import IMAP4

from imap_tools import BaseMailBox
from imap_tools.errors import UnexpectedCommandStatusError

from mailchannel.kernel.failpoints import hit
from mailchannel.network import certificate, conversation
from mailchannel.network.account import Account
from mailchannel.network.conversation import NoPasswordLogin, NoStartTls
from mailchannel.network.dialler import Dialler
from mailchannel.network.faults import quoted
from mailchannel.network.imap_wire import Wire
from mailchannel.network.mailbox_session import MailboxSession
from mailchannel.network.sights import Sight, Step
from mailchannel.network.watchdog import GOODBYE_SECONDS
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


class ImapSession(MailboxSession):
    """After a broken answer the line is cut: whatever came next would belong to another question."""

    def __init__(self, account: Account, way: Way) -> None:
        super().__init__(account, way)
        self.capabilities: frozenset[str] = frozenset()
        self._box: MailBox | None = None

    def close(self) -> None:
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

    def _enter(self, account: Account, dialler: Dialler, timeout: float) -> None:
        wire = Wire(dialler, timeout)
        self._box = MailBox(wire)
        self._greeted(account, wire.sock, self.greeting)
        if account.upgrades:
            _encrypt(wire)
            self._seen(certificate.sight(wire.sock))
        hit("imap.connected")
        self._seen(Sight(Step.OFFERS, f"It offers {quoted(' '.join(wire.capabilities)) or 'nothing'}."))
        _sign_in(account, self._box)
        self._signed_in(account)
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
    conversation.must_be_sendable(account)
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
