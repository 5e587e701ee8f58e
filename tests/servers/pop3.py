"""A small POP3 server that keeps its mails from one visit to the next, and into whose answers a test may put words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from tests.servers.faulty import MailboxServer, Stall

END = b".\r\n"


class Pop3Server(MailboxServer):
    """`mails`: name → bytes as they lie there. `answers`: a command or its first word → what is said instead; a
    sequence is used up one by one, and then the server answers by itself. `end`: how it ends lines.
    """

    def __init__(
        self,
        mails: Mapping[str, bytes] | None = None,
        *,
        greeting: bytes = b"+OK ready",
        abilities: Iterable[str] | None = ("USER", "UIDL", "TOP", "STLS"),
        answers: Mapping[str, bytes | Stall | Iterable[bytes | Stall]] | None = None,
        end: bytes = b"\r\n",
        context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
    ) -> None:
        super().__init__()
        self.mails = dict(mails or {})
        self.visits: list[list[str]] = []  # the commands of each
        self._greeting = greeting
        self._abilities = abilities
        self._answers = {
            command: iter([said] if isinstance(said, bytes | Stall) else said)
            for command, said in (answers or {}).items()
        }
        self._always = {command: said for command, said in (answers or {}).items() if isinstance(said, bytes | Stall)}
        self._end = end
        self._context = context
        self._implicit_tls = implicit_tls

    @property
    def commands(self) -> list[str]:
        """Of all visits."""
        return [command for visit in self.visits for command in visit]

    def serve(self, client: socket.socket) -> None:
        commands: list[str] = []
        self.visits.append(commands)
        if self._implicit_tls and self._context:
            client = self._context.wrap_socket(client, server_side=True)
        client.sendall(self._greeting + self._end if self._greeting else b"")
        visit, lines = Visit(self), client.makefile("rb")
        while line := lines.readline():
            command = line.decode("latin-1").rstrip("\r\n")
            commands.append(command)
            said = self._scripted(command)
            if said is None:
                said = visit.answer(command).replace(b"\r\n", self._end)
            client.sendall(said.beginning if isinstance(said, Stall) else said)
            if isinstance(said, Stall):
                self._closing.wait()
                return
            if command == "STLS" and said.startswith(b"+") and self._context:
                client = self._context.wrap_socket(client, server_side=True)
                lines = client.makefile("rb")
            if command == "QUIT":
                return

    def list_abilities(self) -> bytes:
        if self._abilities is None:
            return b"-ERR unknown command\r\n"
        return b"".join((b"+OK\r\n", *(f"{ability}\r\n".encode() for ability in self._abilities), END))

    def _scripted(self, command: str) -> bytes | Stall | None:
        for key in (command, command.partition(" ")[0]):
            if key in self._always:
                return self._always[key]
            said = next(self._answers[key], None) if key in self._answers else None
            if said is not None:
                return said
        return None


class Visit:
    """From the greeting to QUIT: numbers belong to it, and what is marked is deleted at its end."""

    def __init__(self, server: Pop3Server) -> None:
        self._server = server
        self._names = list(server.mails)
        self._marked: set[str] = set()

    def answer(self, command: str) -> bytes:
        word, *arguments = command.split()
        answers: dict[str, Callable[[], bytes]] = {
            "CAPA": self._server.list_abilities,
            "UIDL": lambda: self._list(lambda name: name),
            "LIST": lambda: self._list(lambda name: str(len(self._server.mails[name]))),
            "STAT": lambda: b"+OK %d 0\r\n" % len(self._names),
            "RETR": lambda: self._text(int(arguments[0]), headers_only=False),
            "TOP": lambda: self._text(int(arguments[0]), headers_only=True),
            "DELE": lambda: self._mark(int(arguments[0])),
            "QUIT": self._leave,
        }
        return answers.get(word, lambda: b"+OK\r\n")()

    def _list(self, shown: Callable[[str], str]) -> bytes:
        lines = [f"{number} {shown(name)}\r\n".encode() for number, name in enumerate(self._names, 1)]
        return b"".join((b"+OK\r\n", *lines, END))

    def _text(self, number: int, *, headers_only: bool) -> bytes:
        raw = self._server.mails[self._names[number - 1]]
        text = raw[: raw.index(b"\r\n\r\n") + 4] if headers_only else raw
        lines = text.split(b"\r\n")
        return b"+OK\r\n" + b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + END

    def _mark(self, number: int) -> bytes:
        self._marked.add(self._names[number - 1])
        return b"+OK marked\r\n"

    def _leave(self) -> bytes:
        for name in self._marked:
            with suppress(KeyError):
                del self._server.mails[name]
        return b"+OK bye\r\n"
