"""Servers and lines that misbehave on purpose."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.servers.loopback import HOST

DEFAULT_ANSWERS = {
    "LOGIN": b"TAG OK signed in\r\n",
    "SELECT": b"* OK [UIDVALIDITY 7] ok\r\n* 3 EXISTS\r\nTAG OK [READ-WRITE] open\r\n",
    "EXAMINE": b"* OK [UIDVALIDITY 7] ok\r\n* 3 EXISTS\r\nTAG OK [READ-ONLY] open\r\n",
    "LIST": b'* LIST () "/" INBOX\r\nTAG OK listed\r\n',
    "LOGOUT": b"* BYE see you\r\nTAG OK bye\r\n",
}


class Server:
    """A TCP server of one thread per connection, for the length of a `with` block."""

    def __init__(self) -> None:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the client has left, which is what most faults lead to
                    outer.serve(self.request)

        self._closing = threading.Event()
        self._server = socketserver.ThreadingTCPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Proxy(Server):
    """Passes everything on to `port` until so many bytes have come back from there; then the fault begins."""

    def __init__(
        self,
        port: int,
        *,
        cut_after: int | None = None,
        stall_after: int | None = None,
        drip_after: int | None = None,
        drip_seconds: float = 0.1,
    ) -> None:
        super().__init__()
        self._port = port
        self._cut_after = cut_after
        self._stall_after = stall_after
        self._drip_after = drip_after
        self._drip_seconds = drip_seconds
        self.said = b""  # by clients
        self.answered = 0  # bytes of the server that reached a client

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection((HOST, self._port)) as server:
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            while data := server.recv(65536):
                if not self._answer(client, data):
                    return
            client.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                self.said += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, data: bytes) -> bool:
        """False: the connection ends here."""
        for limit, fault in (
            (self._cut_after, self._cut),
            (self._stall_after, self._stall),
            (self._drip_after, self._drip),
        ):
            if limit is not None and self.answered + len(data) > limit:
                good = max(limit - self.answered, 0)
                self._send(client, data[:good])
                return fault(client, data[good:])
        self._send(client, data)
        return True

    def _send(self, client: socket.socket, data: bytes) -> None:
        client.sendall(data)
        self.answered += len(data)

    def _cut(self, client: socket.socket, rest: bytes) -> bool:
        return False

    def _stall(self, client: socket.socket, rest: bytes) -> bool:
        self._closing.wait()
        return False

    def _drip(self, client: socket.socket, rest: bytes) -> bool:
        for byte in rest:
            if self._closing.wait(self._drip_seconds):
                return False
            self._send(client, bytes([byte]))
        return True


@dataclass(frozen=True)
class Stall:
    """An answer that begins like this and never ends."""

    beginning: bytes


class MailboxServer(Server):
    """One that a transport reads from."""

    @property
    def settings(self) -> dict[str, object]:
        """Connection settings a transport needs for this server."""
        return {
            "host": HOST,
            "port": self.port,
            "encryption": "none",
            "username": "support",
            "password": "hunter2-secret",
        }


class ScriptedServer(MailboxServer):
    """Says what it is told to. `answers`: command word → bytes, with TAG where the client's tag belongs."""

    def __init__(
        self,
        *,
        greeting: bytes = b"* OK ready\r\n",
        capabilities: str = "IMAP4rev1 UIDPLUS MOVE",
        answers: Mapping[str, bytes | Stall] | None = None,
        context: ssl.SSLContext | None = None,
        starttls_answer: bytes = b"TAG OK go on\r\n",
        implicit_tls: bool = False,
        tagged: bool = True,
    ) -> None:
        super().__init__()
        self._tagged = tagged  # SMTP commands have no tag
        self._greeting = greeting
        self._answers = {
            "CAPABILITY": f"* CAPABILITY {capabilities}\r\nTAG OK told\r\n".encode(),
            **DEFAULT_ANSWERS,
            **(answers or {}),
        }
        self._context = context
        self._starttls_answer = starttls_answer
        self._implicit_tls = implicit_tls
        self.commands: list[str] = []

    def serve(self, client: socket.socket) -> None:
        if self._implicit_tls and self._context:
            client = self._context.wrap_socket(client, server_side=True)
        client.sendall(self._greeting)
        lines = client.makefile("rb")
        while line := lines.readline().decode("latin-1").rstrip("\r\n"):
            tag, _, command = line.partition(" ") if self._tagged else ("", "", line)
            self.commands.append(command)
            if command == "STARTTLS" and self._context:
                client.sendall(self._starttls_answer.replace(b"TAG", tag.encode()))
                client = self._context.wrap_socket(client, server_side=True)
                lines = client.makefile("rb")
            elif not self._reply(client, tag, command):
                return

    def _reply(self, client: socket.socket, tag: str, command: str) -> bool:
        words = command.upper().split()
        key = " ".join(words[:2]) if words[0] == "UID" else words[0]
        answer = self._answers.get(key, b"TAG BAD unknown command\r\n")
        stalls = isinstance(answer, Stall)
        text = answer.beginning if isinstance(answer, Stall) else answer
        client.sendall(text.replace(b"TAG", tag.encode()))
        if stalls:
            self._closing.wait()
        return not stalls and b"* BYE" not in text
