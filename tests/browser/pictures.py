"""A stranger's web server with one picture."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from tests.pages.files import PNG


class Pictures(ThreadingHTTPServer):
    """Remembers what was asked for, because Playwright does not see the requests of a sandboxed frame."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Picture)
        self.asked_for: Queue[str] = Queue()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Picture(BaseHTTPRequestHandler):
    server: Pictures

    def do_GET(self) -> None:
        self.server.asked_for.put(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""
