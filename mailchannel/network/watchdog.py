"""An overall deadline for a conversation: socket timeouts are per read, and a slow trickle never meets them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

#: The slowest line a large mail is given time for.
BYTES_PER_SECOND = 200_000

#: How long saying goodbye may take.
GOODBYE_SECONDS = 2.0


class Overdue(TimeoutError):
    """The far side took longer than it was given."""


class Watchdog:
    """Cuts the line when time is up, which wakes whoever is reading from it; a line that comes later still, at once."""

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._bitten = False

    def watch(self, sock: socket.socket) -> None:
        """Keeps a handle of its own: going over to TLS detaches the original socket."""
        self._line = sock.dup()
        if self._bitten:
            self._bite()

    def release(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    @contextmanager
    def limit(self, seconds: float, *, size: int = 0) -> Iterator[None]:
        """`size` bytes are given time on top.

        Whatever goes wrong in the block after the time was up, goes wrong because of it. Raises Overdue.
        """
        seconds += size / BYTES_PER_SECOND
        self._bitten = False
        timer = Timer(seconds, self._bite)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if self._bitten:
                raise Overdue(f"no complete answer within {seconds:.0f} s") from error
            raise
        finally:
            timer.cancel()

    def _bite(self) -> None:
        self._bitten = True
        line = self._line
        if line is not None:
            with suppress(OSError):  # the far side was quicker
                line.shutdown(socket.SHUT_RDWR)
