"""poplib on a pinned, guarded line: checked address, verified TLS, clean commands, bounded answers, untouched mails."""

from __future__ import annotations

import poplib
import socket

from mailchannel.network import tls
from mailchannel.network.conversation import FORBIDDEN, ROOM, Flood, UnsafeText
from mailchannel.network.dialler import Dialler

CRLF = b"\r\n"


class Refused(poplib.error_proto):
    """A plain "no": the conversation goes on."""


class Wire(poplib.POP3):
    """The client of the standard library, but for how it reads: that one gives up at a line of 2048 bytes, takes the
    rest of it for the next answer, and a lone CR or LF in a mail for the end of a line.

    `allow` is called before every command. Lines of an answer come with their ends.
    """

    def __init__(self, dialler: Dialler, timeout: float) -> None:
        self._dialler = dialler
        self._room = ROOM
        self._end = CRLF
        super().__init__(dialler.target.host, dialler.target.port, timeout)

    def allow(self, expect_bytes: int = 0) -> None:
        """Twice the announced size, because servers count line ends differently."""
        self._room = ROOM + 2 * expect_bytes

    def ask(self, command: str) -> bytes:
        """Sends a line of which the library knows nothing; returns the line that answers it. Raises Refused."""
        return self._shortcmd(command)  # type: ignore[attr-defined,no-any-return]

    def capa(self) -> dict[str, list[str]]:
        """Ability → what belongs to it, in upper case. Empty where the server does not know the question (RFC 2449)."""
        try:
            _, lines, _ = self._longcmd("CAPA")  # type: ignore[attr-defined]
        except Refused:
            return {}
        words = [line.decode("ascii", "replace").upper().split() for line in lines]
        return {ability: more for ability, *more in filter(None, words)}

    def secure(self) -> None:
        """STLS; what the server said before, or somebody in between, is forgotten. The name on the certificate is
        checked against the host as the administrator wrote it.
        """
        self.stls(self._dialler.way.context())

    @property
    def encryption(self) -> str:
        return tls.summary(self.sock)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._dialler.dial(timeout or 0)

    def _putcmd(self, line: str) -> None:
        if FORBIDDEN.search(line):
            raise UnsafeText("a command with a line break or NUL in it")
        super()._putcmd(line)  # type: ignore[misc]

    def _getresp(self) -> bytes:
        line, _ = self._getline()
        if line.startswith(b"+"):
            return line
        raise Refused(line) if line.startswith(b"-ERR") else poplib.error_proto(line)

    def _getline(self) -> tuple[bytes, int]:
        """The first line of an answer, without its end; it shows how this server ends its lines."""
        line = self._line()
        self._end = CRLF if line.endswith(CRLF) else b"\n"
        return line.removesuffix(self._end), len(line)

    def _getlongresp(self) -> tuple[bytes, list[bytes], int]:
        """The last line is a lone dot, and others that begin with one have got another before it (RFC 1939, 3). Only
        what follows the server's own line end begins a line: a lone LF is part of a mail.
        """
        answer, lines, begins = self._getresp(), list[bytes](), True
        while (line := self._line()) != b"." + self._end or not begins:
            lines.append(line[1:] if begins and line.startswith(b"..") else line)
            begins = line.endswith(self._end)
        return answer, lines, sum(map(len, lines))

    def _line(self) -> bytes:
        line = self.file.readline(self._room + 1)
        self._room -= len(line)
        if self._room < 0:
            raise Flood("more bytes than fit")
        if not line.endswith(b"\n"):
            raise ConnectionError("the line was cut")
        return line
