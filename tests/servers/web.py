"""A web server on loopback over real HTTPS, whose every answer a test may spoil."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.servers.certificates import Pair, server_context
from tests.servers.loopback import HOST


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # without the query
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False  # sends nothing until the server is stopped

    @classmethod
    def of(cls, value: object, status: int = 200, **headers: str) -> Self:
        """JSON."""
        return cls(status, json.dumps(value).encode(), headers=headers)


class WebServer:
    """Subclasses say what is answered. `asked` are all requests, `spoiled` goes before: the first of them whose path
    begins with the word is used up.
    """

    def __init__(self, certificate: Pair, *, host: str = "localhost") -> None:
        self.host = host
        self.asked: list[Request] = []
        self.spoiled: list[tuple[str, Answer]] = []
        self._closing = Event()
        self._server = _Server((HOST, 0), self)
        context = server_context(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def spoil(self, path: str, answer: Answer, *, times: int = 1) -> None:
        self.spoiled += [(path, answer)] * times

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def handle(self, request: Request) -> Answer:
        self.asked.append(request)
        for each in self.spoiled:
            if request.path.startswith(each[0]):
                self.spoiled.remove(each)
                if each[1].stall:
                    self._closing.wait(60)
                return each[1]
        return self.answer(request)


class OneAnswer(WebServer):
    """Says whatever the function says."""

    def __init__(self, certificate: Pair, answer: Callable[[Request], Answer]) -> None:
        self._say = answer
        super().__init__(certificate)

    def answer(self, request: Request) -> Answer:
        return self._say(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], web: WebServer) -> None:
        self.web = web
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever does not trust our certificate hangs up; nobody needs to read of it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        said = self.server.web.handle(Request(self.command, where.path, query, headers, body))
        self.send_response(said.status)
        self.send_header("Content-Type", said.content_type)
        self.send_header("Content-Length", str(len(said.body)))
        for name, value in said.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(said.body)

    def __getattr__(self, name: str) -> Any:
        """Whatever the method, it is served."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
