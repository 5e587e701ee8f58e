"""An SMTP server on loopback that keeps what it is given; `python -m tests.servers.smtp PORT` runs one by itself."""

from __future__ import annotations

import json
import logging
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.certificates import Pair, server_context
from tests.servers.loopback import HOST, free_port

# It warns of passwords without TLS, which some tests are about.
logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Sent:
    """One mail as it arrived."""

    envelope_from: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class SmtpSink:
    """`answers` maps a recipient to the line he is refused with; `data_answer` refuses the mail itself."""

    username: str = ""  # empty: nobody has to sign in
    password: str = ""
    tokens: Callable[[str], str] | None = None  # whose access token this is; empty: nobody's
    certificate: Pair | None = None
    implicit_tls: bool = False
    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data_answer: str = ""
    signed_in: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        context = server_context(self.certificate) if self.certificate else None
        self._controller = _Controller(
            self,
            hostname=HOST,
            port=self.port,
            server_hostname="sink.example",
            ssl_context=context if self.implicit_tls else None,
            tls_context=None if self.implicit_tls else context,
            require_starttls=context is not None and not self.implicit_tls,
            auth_require_tls=context is not None and not self.implicit_tls,
            authenticator=self._authenticate if self.username else None,
            auth_exclude_mechanism=["PLAIN", "LOGIN"] if self.tokens else ["XOAUTH2"],
        )

    def start(self) -> SmtpSink:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the SMTP sender that fit this server, secrets included."""
        encryption = "none" if self.certificate is None else "tls" if self.implicit_tls else "starttls"
        return {
            "host": HOST if self.certificate is None else "localhost",
            "port": self.port,
            "encryption": encryption,
            "username": self.username,
            "password": self.password,
        }

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.username and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get(address, "250 2.1.5 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answer:
            return self.data_answer
        assert isinstance(envelope.content, bytes)
        self.sent.append(Sent((envelope.mail_from or "").strip("<>"), list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 kept"

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Google's and Microsoft's way: a refusal comes as a challenge, which the client answers with nothing."""
        assert self.tokens is not None
        fields = b64decode(args[1]).decode().split("\x01")
        user, token = fields[0].removeprefix("user="), fields[1].removeprefix("auth=Bearer ")
        if self.tokens(token) == user:
            self.signed_in.append(user)
            return AuthResult(success=True, auth_data=user)
        await server.challenge_auth(json.dumps({"status": "401", "schemes": "bearer"}))
        return AuthResult(success=False, handled=False)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        known = LoginPassword(self.username.encode(), self.password.encode())
        if data == known:
            self.signed_in.append(self.username)
        # handled=False makes the server answer a wrong password; True would leave the client waiting.
        return AuthResult(success=data == known, handled=False)


class _LongLines(SMTP):
    """Access tokens are longer than the commands of RFC 5321."""

    line_length_limit = 16_384


class _Controller(Controller):
    def factory(self) -> SMTP:
        server = _LongLines(self.handler, **self.SMTP_kwargs)
        server.command_size_limits["AUTH"] = 12_288
        return server


if __name__ == "__main__":
    SmtpSink(port=int(sys.argv[1])).start()
    threading.Event().wait()
