"""A signed-in line to an SMTP server whose every step has a deadline."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mailchannel.network import certificate, tls, xoauth2
from mailchannel.network.account import Account
from mailchannel.network.dialler import Dialler
from mailchannel.network.faults import quoted
from mailchannel.network.guard import Target
from mailchannel.network.sights import Sight, Step, Watch, line_sight, nobody
from mailchannel.network.watchdog import GOODBYE_SECONDS, Watchdog
from mailchannel.network.way import Way
from mailchannel.network.xoauth2 import NoTokenLogin


class Line(smtplib.SMTP):
    """smtplib on the addresses that were checked; the name on the certificate is checked against the host."""

    def __init__(self, dialler: Dialler, timeout: float) -> None:
        self._dialler = dialler
        self.welcome = b""
        # Given at once, or smtplib would look up this machine's own name and wait for the answer.
        super().__init__(dialler.target.host, dialler.target.port, local_hostname="localhost", timeout=timeout)
        self.local_hostname = self._own_literal()

    def connect(self, *where: Any, **how: Any) -> tuple[int, bytes]:
        answer: tuple[int, bytes] = super().connect(*where, **how)
        self.welcome = answer[1]
        return answer

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._dialler.dial(timeout)

    def _own_literal(self) -> str:
        """How a client without a name of its own introduces itself (RFC 5321, 4.1.3)."""
        address = self.sock.getsockname()[0] if self.sock else "127.0.0.1"
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    @property
    def encryption(self) -> str:
        return tls.summary(self.sock)


class SmtpSession:
    """`greeted` tells a server that was never there from one that said no."""

    def __init__(self, account: Account, way: Way) -> None:
        self.greeted = False
        self._account = account
        self._way = way
        self._watchdog = Watchdog()
        self._seen: Watch = nobody

    def watch(self, seen: Watch) -> None:
        """Tells of every step of `open`; of the line itself only once a mail server was heard on it."""
        self._seen = seen

    @contextmanager
    def open(self) -> Iterator[Line]:
        """Connects, encrypts and signs in within one `timeout`; says goodbye whatever happens inside. Asks for an
        access token before."""
        line = xoauth2.signed_in(self._account, self._way, self._open)
        try:
            yield line
        finally:
            self._leave(line)

    def _open(self, account: Account) -> Line:
        deadline = time.monotonic() + self._way.timeout
        self.greeted = False
        line: Line | None = None
        try:
            target = self._way.resolve(account.host, account.port)
            self._seen(target.sight)
            with self._watchdog.limit(deadline - time.monotonic()):
                line = self._greet(target, max(deadline - time.monotonic(), 0.1))
                self._sign_in(account, line)
        except BaseException:
            self._leave(line)
            raise
        return line

    def hand_over(self, line: Line, raw: bytes, *, envelope_from: str, recipients: Sequence[str]) -> None:
        """To every recipient or to nobody: a repeated attempt must not reach some of them twice."""
        with self._watchdog.limit(self._way.timeout, size=len(raw)):
            _answered(line.mail(envelope_from, _options(line, raw, (envelope_from, *recipients))), envelope_from)
            answers = {recipient: line.rcpt(recipient) for recipient in recipients}
            refused = {recipient: answer for recipient, answer in answers.items() if answer[0] not in (250, 251)}
            if refused:
                raise smtplib.SMTPRecipientsRefused(refused)
            code, words = line.data(raw)
            if code != 250:
                raise smtplib.SMTPDataError(code, words)

    def _greet(self, target: Target, timeout: float) -> Line:
        account = self._account
        line = Line(Dialler(target, self._way, self._watchdog, secure=account.secure_from_the_start), timeout)
        self.greeted = True
        self._seen(line_sight(line.sock, account.port, self._way.proxy))
        if not account.upgrades:
            self._seen(certificate.sight(line.sock))
        self._seen(Sight(Step.GREETING, f"It says: {quoted(line.welcome)}"))
        line.ehlo_or_helo_if_needed()
        if account.upgrades:
            line.starttls(context=self._way.context())
            self._seen(certificate.sight(line.sock))
            line.ehlo_or_helo_if_needed()
        offers = " ".join(f"{name} {value}".strip() for name, value in sorted(line.esmtp_features.items()))
        self._seen(Sight(Step.OFFERS, f"It offers {quoted(offers).upper() or 'nothing'}."))
        return line

    def _sign_in(self, account: Account, line: Line) -> None:
        """PLAIN first: smtplib would try every method in turn, and each wrong password counts at the server."""
        if not account.username:
            self._seen(Sight(Step.SIGN_IN, "No sign-in was asked for."))
            return
        if account.token:
            _sign_in_with_token(account, line)
        elif "PLAIN" in line.esmtp_features.get("auth", "").upper().split():
            code, words = line.docmd("AUTH", f"PLAIN {account.sasl_plain}")
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, words)
        else:
            line.login(account.username, account.password)
        self._seen(Sight(Step.SIGN_IN, f"Signed in as {account.username}."))

    def _leave(self, line: Line | None) -> None:
        if line is not None:
            with suppress(Exception), self._watchdog.limit(GOODBYE_SECONDS):
                line.quit()
            with suppress(OSError):
                line.close()
        self._watchdog.release()


def _sign_in_with_token(account: Account, line: Line) -> None:
    """A server that refuses says why in a challenge, which has to be answered with nothing."""
    if "XOAUTH2" not in line.esmtp_features.get("auth", "").upper().split():
        raise NoTokenLogin
    code, words = line.docmd("AUTH", f"XOAUTH2 {account.sasl_xoauth2}")
    challenge = b""
    if code == 334:
        challenge = xoauth2.decoded(words)
        code, words = line.docmd("")
    if 400 <= code < 500:
        raise smtplib.SMTPAuthenticationError(code, quoted(words, account.unspeakable))
    if code != 235:
        raise xoauth2.refusal(challenge, f"{code} {quoted(words, account.unspeakable)}", account)


def _answered(answer: tuple[int, bytes], sender: str) -> None:
    if answer[0] != 250:
        raise smtplib.SMTPSenderRefused(answer[0], answer[1], sender)


def _options(line: Line, raw: bytes, addresses: Sequence[str]) -> list[str]:
    options = [f"SIZE={len(raw)}"] if line.has_extn("size") else []
    if line.has_extn("8bitmime") and not raw.isascii():
        options.append("BODY=8BITMIME")
    if not all(address.isascii() for address in addresses):
        options.append("SMTPUTF8")
    return options
