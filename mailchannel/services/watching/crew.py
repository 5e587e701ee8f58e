"""A few threads for work that blocks, beside an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from django.db import close_old_connections, connection

T = TypeVar("T")
_Job = Callable[[], None]


class Crew:
    """At most `size` jobs at a time, in the order they came. The threads are daemons: whoever wants to end does not
    wait for a server that does not answer."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._threads: list[Thread] = []
        self._busy = 0
        self._loop = asyncio.get_running_loop()

    async def do(self, work: Callable[..., T], *args: Any) -> T:
        """Raises what `work` raises."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._busy += 1
        self._jobs.put(lambda: self._run(done, work, args))
        if len(self._threads) < min(self._busy, self._size):
            self._threads.append(Thread(target=self._work, name=self._name, daemon=True))
            self._threads[-1].start()
        try:
            return await done
        finally:
            self._busy -= 1

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _run(self, done: asyncio.Future[T], work: Callable[..., T], args: tuple[Any, ...]) -> None:
        _renew_connection()
        try:
            result = work(*args)
        except BaseException as error:
            self._tell(done, done.set_exception, error)
        else:
            self._tell(done, done.set_result, result)
        finally:
            _renew_connection()

    def _tell(self, done: asyncio.Future[T], how: Callable[[Any], None], what: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self._loop.call_soon_threadsafe(lambda: None if done.cancelled() else how(what))


def _renew_connection() -> None:
    """As Django does around a request. SQLite's would be closed each time, which writes its log back: that costs a
    good part of what fetching one mail does."""
    if connection.vendor != "sqlite":
        close_old_connections()
    elif connection.errors_occurred:
        connection.close()
