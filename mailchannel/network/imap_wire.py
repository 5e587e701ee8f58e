"""imaplib on a pinned, guarded line: checked address, verified TLS, clean arguments, bounded answers."""

from __future__ import annotations

import imaplib
import socket
from typing import Any

from mailchannel.network import tls
from mailchannel.network.conversation import FORBIDDEN, ROOM, Flood, UnsafeText
from mailchannel.network.dialler import Dialler


class Wire(imaplib.IMAP4):
    """The plain client of the standard library; `allow` is called before every command."""

    def __init__(self, dialler: Dialler, timeout: float) -> None:
        self._dialler = dialler
        self._room = ROOM
        super().__init__(dialler.target.host, dialler.target.port, timeout)

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
        self.starttls(self._dialler.way.context())

    @property
    def encryption(self) -> str:
        return tls.summary(self.sock)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._dialler.dial(timeout or 0)

    def _command(self, name: str, *args: Any) -> bytes:
        for each in args:
            if FORBIDDEN.search(each.decode("latin-1") if isinstance(each, bytes) else each or ""):
                raise UnsafeText(f"{name} with a line break or NUL in its arguments")
        return super()._command(name, *args)  # type: ignore[no-any-return,misc]

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise Flood(f"{size} bytes more than fit")
