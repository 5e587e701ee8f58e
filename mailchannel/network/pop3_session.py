"""A signed-in line to a POP3 server whose every step has a deadline."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from mailchannel.kernel.failpoints import hit
from mailchannel.network import certificate, conversation
from mailchannel.network.account import Account
from mailchannel.network.conversation import NoPasswordLogin, NoStartTls
from mailchannel.network.dialler import Dialler
from mailchannel.network.faults import quoted
from mailchannel.network.mailbox_session import MailboxSession
from mailchannel.network.pop3_wire import Refused, Wire
from mailchannel.network.sights import Sight, Step
from mailchannel.network.watchdog import GOODBYE_SECONDS
from mailchannel.network.way import Way
from mailchannel.network.xoauth2 import NoTokenLogin, TokenRefused, decoded, refusal

#: A first word of a refusal (RFC 2449, 8): somebody has the mailbox open, which may have been ourselves a moment ago.
IN_USE: Final = "[IN-USE]"
PAUSE: Final = 0.5  # seconds between two tries to come back in

#: What USER and PASS carry to every server. Other letters, and blanks, are for AUTH PLAIN to carry.
SIMPLE: Final = re.compile(r"[!-~]*")


class Pop3Session(MailboxSession):
    """After a broken answer the line is cut, without QUIT: the answers would belong to other questions, and QUIT makes
    the server delete what is marked. A POP3 mailbox shows what lay there when it was opened, so it is opened again and
    again: whoever uses `wire` after the line was left or cut gets a new one.
    """

    def __init__(self, account: Account, way: Way) -> None:
        super().__init__(account, way)
        self.abilities: dict[str, list[str]] = {}
        self._wire: Wire | None = None

    def leave(self) -> None:
        """QUIT: only now does the server delete what was marked. Raises Refused if it did not."""
        if self._wire is None:
            return
        try:
            with self.command() as wire:
                wire.quit()
        finally:
            self.cut()

    def close(self) -> None:
        if self._wire is not None:
            with suppress(Exception), self._watchdog.limit(GOODBYE_SECONDS):
                self._wire.quit()
        self.cut()

    def cut(self) -> None:
        """Without a word: the server deletes nothing."""
        if self._wire is not None:
            with suppress(OSError):
                self._wire.close()
            self._wire = None
        self._watchdog.release()

    @property
    def greeting(self) -> str:
        """How the server introduced itself."""
        return self.wire.welcome.decode("ascii", "replace").removeprefix("+OK").strip()

    @property
    def wire(self) -> Wire:
        if self._wire is None:
            self._come_back()
        if self._wire is None:
            raise ConnectionError("the connection was closed")
        return self._wire

    @contextmanager
    def command(self, expect_bytes: int = 0) -> Iterator[Wire]:
        """One exchange with the server, with time and room for the announced size."""
        wire = self.wire
        wire.allow(expect_bytes)
        try:
            with self._watchdog.limit(self._way.timeout, size=expect_bytes):
                yield wire
        except Refused:
            raise
        except BaseException:
            self.cut()
            raise

    def _come_back(self) -> None:
        """Some servers let a mailbox go only a moment after we have left it."""
        until = time.monotonic() + self._way.timeout
        while True:
            try:
                self.open()
                return
            except (Refused, TokenRefused) as error:
                if IN_USE not in str(error).upper() or time.monotonic() + PAUSE > until:
                    raise
            time.sleep(PAUSE)

    def _enter(self, account: Account, dialler: Dialler, timeout: float) -> None:
        wire = self._wire = Wire(dialler, timeout)
        self._greeted(account, wire.sock, self.greeting)
        offers = wire.capa()
        if account.upgrades:
            offers = _encrypted(wire, offers)
            self._seen(certificate.sight(wire.sock))
        hit("pop3.connected")
        self._seen(Sight(Step.OFFERS, f"It offers {quoted(_listed(offers)) or 'nothing it would tell'}."))
        _sign_in(account, wire, offers)
        self._signed_in(account)
        self.abilities = wire.capa()
        hit("pop3.logged_in")


def _encrypted(wire: Wire, offers: dict[str, list[str]]) -> dict[str, list[str]]:
    """What it offers now."""
    if "STLS" not in offers:
        raise NoStartTls
    try:
        wire.secure()
    except Refused as error:
        raise NoStartTls from error
    return wire.capa()


def _sign_in(account: Account, wire: Wire, offers: dict[str, list[str]]) -> None:
    name, password = account.username, account.password
    conversation.must_be_sendable(account)
    plain = "PLAIN" in offers.get("SASL", ())
    if account.token:
        _sign_in_with_token(account, wire, offers)
    elif plain and not ("USER" in offers and SIMPLE.fullmatch(name + password)):
        wire.ask("AUTH PLAIN")
        wire.ask(account.sasl_plain)
    elif offers and "USER" not in offers and not isinstance(wire.sock, ssl.SSLSocket):
        raise NoPasswordLogin
    else:
        wire.user(name)
        wire.pass_(password)


def _sign_in_with_token(account: Account, wire: Wire, offers: dict[str, list[str]]) -> None:
    """In two steps, for a command ends at 255 bytes (RFC 2449, 4); some servers know only the way in one."""
    if "XOAUTH2" not in offers.get("SASL", ()):
        raise NoTokenLogin
    try:
        wire.ask("AUTH XOAUTH2")
    except Refused:
        _present(account, wire, f"AUTH XOAUTH2 {account.sasl_xoauth2}")
    else:
        _present(account, wire, account.sasl_xoauth2)


def _present(account: Account, wire: Wire, token: str) -> None:
    """A server that refuses says why in a challenge, which has to be answered with nothing."""
    challenge = b""
    try:
        answer = wire.ask(token)
        if answer.startswith(b"+ "):
            challenge = decoded(answer[2:])
            wire.ask("")
    except Refused as error:
        raise refusal(challenge, error.args[0].removeprefix(b"-ERR").strip(), account) from None


def _listed(offers: dict[str, list[str]]) -> str:
    return ", ".join(" ".join((ability, *more)) for ability, more in offers.items())
