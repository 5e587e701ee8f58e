"""imaplib on a pinned, guarded line: checked address, verified TLS, clean arguments, bounded answers."""

from __future__ import annotations

import imaplib
import socket
import ssl
from typing import Any

from mailchannel.network import tls
from mailchannel.network.conversation import FORBIDDEN, ROOM, Flood, UnsafeText
from mailchannel.network.guard import Target
from mailchannel.network.watchdog import Watchdog
from mailchannel.network.way import Way


class Wire(imaplib.IMAP4):
    """The plain client of the standard library; `allow` is called before every command."""

    def __init__(self, target: Target, way: Way, *, secure: bool, timeout: float, watchdog: Watchdog) -> None:
        self._target = target
        self._way = way
        self._secure = secure
        self._watchdog = watchdog
        self._room = ROOM
        super().__init__(target.host, target.port, timeout)

    def allow(self, expect_bytes: int = 0) -> None:
        """Twice the announced size, because servers count line ends differently."""
        self._room = ROOM + 2 * expect_bytes

    def read(self, size: int) -> bytes:
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._spend(len(line))
        return line

    def secure(self) -> None:
        """STARTTLS; the name on the certificate is checked against the host as the administrator wrote it."""
        self.starttls(self._way.context())

    @property
    def encryption(self) -> str:
        return tls.summary(self.sock) if isinstance(self.sock, ssl.SSLSocket) else "Not encrypted."

    def _create_socket(self, timeout: float | None) -> socket.socket:
        sock = self._way.dial(self._target, timeout or 0)
        self._watchdog.watch(sock)
        return self._way.context().wrap_socket(sock, server_hostname=self._target.host) if self._secure else sock

    def _command(self, name: str, *args: Any) -> bytes:
        for each in args:
            if FORBIDDEN.search(each.decode("latin-1") if isinstance(each, bytes) else each or ""):
                raise UnsafeText(f"{name} with a line break or NUL in its arguments")
        return super()._command(name, *args)  # type: ignore[no-any-return,misc]

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise Flood(f"{size} bytes more than fit")
