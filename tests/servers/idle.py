"""A tiny IMAP server for thousands of lines on which nothing happens, until it is told to say something."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.servers.loopback import HOST

MAILBOX = "* {mails} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT {next}] ok\r\n"


class IdleServer:
    """One empty mailbox for whoever knows the password. Runs in a thread of its own for the length of a `with` block.

    `idle` is the answer to IDLE; what people say is counted in `heard`.
    """

    def __init__(
        self,
        *,
        password: str = "hunter2-secret",
        idle: bytes = b"+ idling\r\n",
        mails: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.password = password
        self.heard: Counter[str] = Counter()
        self.port = 0
        self._idle = idle
        self._mails = mails
        self._context = context
        self._lines: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def settings(self) -> dict[str, Any]:
        """Connection settings of the IMAP transport for this server, without the password."""
        encrypted = self._context is not None
        return {
            "host": "localhost" if encrypted else HOST,
            "port": self.port,
            "encryption": "tls" if encrypted else "none",
            "username": "support",
        }

    def tell(self, words: bytes) -> None:
        """To everybody who listens."""
        self._everybody(lambda line: line.write(words))

    def hang_up(self) -> None:
        """Without a word."""
        self._everybody(lambda line: line.transport.abort())

    def _everybody(self, act: Callable[[asyncio.StreamWriter], object]) -> None:
        self._loop.call_soon_threadsafe(lambda: [act(line) for line in list(self._lines)])

    async def _start(self) -> int:
        server = await asyncio.start_server(self._serve, HOST, 0, backlog=500, ssl=self._context, limit=4096)
        return int(server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._talk(reader, writer)
        self._lines.discard(writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        idling = ""
        while line := (await reader.readline()).decode("ascii").rstrip():
            first, _, rest = line.partition(" ")
            tag, command = (idling, "DONE") if first == "DONE" else (first, rest.split()[0].upper())
            self.heard[command] += 1
            if command == "IDLE":
                idling = tag
            answer = self._answer(command, rest)
            writer.write(answer.replace(b"TAG", tag.encode()))
            if b"* BYE" in answer:
                return

    def _answer(self, command: str, rest: str) -> bytes:
        if command == "LOGIN" and f'"{self.password}"' not in rest:
            return b"TAG NO [AUTHENTICATIONFAILED] wrong\r\n"
        mailbox = MAILBOX.format(mails=self._mails, next=self._mails + 1).encode()
        return {
            "CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\nTAG OK told\r\n",
            "EXAMINE": mailbox + b"TAG OK [READ-ONLY] open\r\n",
            "SELECT": mailbox + b"TAG OK [READ-WRITE] open\r\n",
            "IDLE": self._idle,
            "UID": b"* SEARCH\r\nTAG OK nothing\r\n",
            "LOGOUT": b"* BYE see you\r\nTAG OK bye\r\n",
        }.get(command, b"TAG OK done\r\n")
