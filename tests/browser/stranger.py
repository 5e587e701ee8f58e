"""Somebody else's web server, with one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from tests.pages.files import PNG


class Stranger(ThreadingHTTPServer):
    """Remembers who came and what was asked for: Playwright does not see every request of a sandboxed frame, and no
    connection without a request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.names: set[str] = set()  # under which it was asked: it has every name below its own
        self.connections = 0
        self.host = f"stranger.example:{self.server_port}"  # the browser is told where it lies, see conftest
        self.url = f"http://{self.host}"
        self.changed = Condition()

    def get_request(self) -> Any:
        connection = super().get_request()
        with self.changed:
            self.connections += 1
        return connection

    def note(self, request: str, name: str) -> None:
        with self.changed:
            self.asked.append(request)
            self.names.add(name.partition(":")[0])
            self.changed.notify_all()

    def is_asked(self, *, beyond: int = 0) -> bool:
        """Whether more than so many requests came; waits for them."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.asked) > beyond, timeout=30)


class _Answer(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        self.server.note(f"{self.command} {self.path}", self.headers.get("Host", ""))
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Cache-Control", "no-store")  # or a second try would go unseen
        self.end_headers()
        self.wfile.write(PNG)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def at_work() -> Iterator[Stranger]:
    with Stranger() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
