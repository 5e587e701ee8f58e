"""An HTTP (CONNECT) and SOCKS5 proxy on loopback, with or without a sign-in, which keeps what it was asked for."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mailchannel.network.proxy import Proxy, ProxyKind
from tests.servers.faulty import Server
from tests.servers.loopback import HOST

Place = tuple[str, int]
#: RFC 1928, 6: what a SOCKS5 proxy answers to a request, after its version.
NOT_ALLOWED, UNREACHABLE = 2, 4


class ProxyServer(Server):
    """`names`: a name only this proxy knows → the address it stands for. `refusal`: answered to every request, a
    status line or a reply code. `says`: sent to whoever calls, and nothing else. `silent`: takes calls, says nothing.
    `slow`: knows the request and never answers it.
    """

    def __init__(
        self,
        kind: str = "http",
        *,
        username: str = "",
        password: str = "",
        names: Mapping[str, str] | None = None,
        refusal: str | int = "",
        says: bytes = b"",
        drips: bytes = b"",
        silent: bool = False,
        slow: bool = False,
        schemes: str = "Basic",
    ) -> None:
        super().__init__()
        self.kind = ProxyKind(kind)
        self.asked: list[Place] = []  # as the client named it
        self.signed_in: list[str] = []
        self._login = f"{username}:{password}" if username else ""
        self._names = names or {}
        self._refusal = refusal
        self._says = says
        self._drips = drips
        self._silent = silent
        self._slow = slow
        self._schemes = schemes

    def client(self, **changed: Any) -> Proxy:
        """What whoever uses this proxy has to know."""
        username, _, password = self._login.partition(":")
        given = {"kind": self.kind, "host": HOST, "port": self.port, "username": username, "password": password}
        return Proxy(**{**given, **changed})

    def serve(self, client: socket.socket) -> None:
        if self._says or self._drips:
            client.sendall(self._says)
            for place in range(len(self._drips)):
                client.sendall(self._drips[place : place + 1])
                self._closing.wait(0.01)
            client.recv(65_536)
            return
        if self._silent:
            self._closing.wait(60)
            return
        place = self._http(client) if self.kind is ProxyKind.HTTP else self._socks(client)
        if place is None:
            return
        self.asked.append(place)
        if self._slow:
            self._closing.wait(60)
        elif self._refusal:
            self._refuse(client)
        else:
            self._let_through(client, place)

    # --- HTTP ---

    def _http(self, client: socket.socket) -> Place | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1) or b"\r\n\r\n"
        first, *headers = head.decode("ascii").split("\r\n")
        if self._login and not self._may_enter(headers):
            offers = "".join(f"Proxy-Authenticate: {scheme}\r\n" for scheme in self._schemes.split())
            client.sendall(f"HTTP/1.1 407 Who are you\r\n{offers}Content-Length: 0\r\n\r\n".encode())
            return None
        method, where, _ = first.split(" ")
        assert method == "CONNECT"
        host, _, port = where.rpartition(":")
        return host.strip("[]"), int(port)

    def _may_enter(self, headers: list[str]) -> bool:
        wanted = f"Proxy-Authorization: Basic {b64encode(self._login.encode()).decode()}"
        if wanted in headers:
            self.signed_in.append(self._login.partition(":")[0])
        return wanted in headers

    # --- SOCKS5 ---

    def _socks(self, client: socket.socket) -> Place | None:
        version, count = _exactly(client, 2)
        assert version == 5
        method = 2 if self._login else 0
        if method not in _exactly(client, count):
            client.sendall(b"\x05\xff")
            return None
        client.sendall(bytes([5, method]))
        if self._login:
            _exactly(client, 1)
            username, password = (_exactly(client, _exactly(client, 1)[0]).decode() for _ in range(2))
            known = f"{username}:{password}" == self._login
            client.sendall(b"\x01\x00" if known else b"\x01\x01")
            if not known:
                return None
            self.signed_in.append(username)
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode("ascii")
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(client, size))
        return host, int.from_bytes(_exactly(client, 2), "big")

    # --- Both ---

    def _refuse(self, client: socket.socket) -> None:
        if isinstance(self._refusal, int):
            client.sendall(bytes([5, self._refusal, 0, 1]) + bytes(6))
        else:
            client.sendall(f"HTTP/1.1 {self._refusal}\r\nContent-Length: 5\r\n\r\nsorry".encode())

    def _let_through(self, client: socket.socket, place: Place) -> None:
        """Answer and the server's first words go out in one piece if they can: nobody may swallow the second."""
        with socket.create_connection((self._names.get(place[0], place[0]), place[1]), timeout=10) as server:
            http = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n"
            answer = http if self.kind is ProxyKind.HTTP else b"\x05\x00\x00\x03\x04here\x00\x50"
            server.settimeout(0.05)  # seconds: a server that speaks first does so at once
            first = b""
            with suppress(TimeoutError):
                first = server.recv(65_536)
            server.settimeout(None)
            client.sendall(answer + first)
            threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
            _pass_on(server, client)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _exactly(client: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        piece = client.recv(count - len(heard))
        if not piece:
            raise ConnectionResetError
        heard += piece
    return heard
