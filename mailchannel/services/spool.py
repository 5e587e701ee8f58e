"""A mail or a request while it comes in: on disk beyond a megabyte, counted in full, kept up to a limit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from types import TracebackType
from typing import Final, Self

IN_MEMORY: Final = 1_000_000  # bytes
PIECE: Final = 65_536
#: Above this size they are worked on two at a time: each takes several times its size in memory.
LARGE: Final = 10_000_000
_large = BoundedSemaphore(2)


@contextmanager
def in_turn(size: int) -> Iterator[None]:
    """For what needs a whole mail of this size in memory."""
    if size <= LARGE:
        yield
        return
    with _large:
        yield


class Spool:
    """Of more than `most` bytes the beginning is kept, and `size` says how much there was. Raises OSError."""

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most = most
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def cut(self) -> bool:
        return self.size > self._most

    def write(self, piece: bytes) -> None:
        room = self._most - self.size
        self.size += len(piece)
        if room > 0:
            self._file.write(piece[:room])

    def content(self) -> bytes:
        self._file.seek(0)
        return self._file.read()
