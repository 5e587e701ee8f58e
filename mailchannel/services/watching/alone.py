"""One watcher for one database, on however many machines: a second one would sign in to every mailbox once more.

Two would do no harm, so what cannot be locked is not locked.
"""

from __future__ import annotations

import fcntl
import logging
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections

log = logging.getLogger(__name__)
#: Names the lock in PostgreSQL, where locks are numbers: "mail" and "idle".
NUMBER = (0x6D61696C, 0x69646C65)


class Post:
    """Held by one process, and free as soon as that process is gone, whatever became of it. Used by one thread."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._session: Any = None  # a connection of its own: the lock ends with it

    def take(self) -> bool:
        """Whether it is ours; to be asked again and again, since it can be lost."""
        if connection.vendor == "sqlite":
            return self._lock_file()
        return self._lock_in_database() if connection.vendor == "postgresql" else True

    def leave(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._end_session()

    def _lock_file(self) -> bool:
        """Beside the database, which is on this machine."""
        if self._file is None:
            file = Path(f"{connection.settings_dict['NAME']}-watcher").open("ab")  # noqa: SIM115 - held while it lives
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            except OSError as error:
                log.warning("%s cannot be locked (%s): see to it that one watcher runs", file.name, error)
            self._file = file
        return True

    def _lock_in_database(self) -> bool:
        try:
            if self._session is not None:
                self._ask("SELECT true")
                return True
            self._session = connections.create_connection(DEFAULT_DB_ALIAS)
            if self._ask("SELECT pg_try_advisory_lock(%s, %s)", NUMBER):
                return True
        except (DatabaseError, InterfaceError):
            self._end_session()
            raise
        self._end_session()
        return False

    def _ask(self, question: str, values: tuple[int, ...] = ()) -> bool:
        with self._session.cursor() as cursor:
            cursor.execute(question, values)
            return bool(cursor.fetchone()[0])

    def _end_session(self) -> None:
        if self._session is not None:
            with suppress(DatabaseError, InterfaceError):
                self._session.close()
            self._session = None
