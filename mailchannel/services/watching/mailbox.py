"""A mail server with a line to it (IMAP IDLE)."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from mailchannel.network.imap_idle import IdleLine, LineFailed
from mailchannel.services.watching import register
from mailchannel.services.watching.contact import Contact


class Mailbox(Contact):
    _line: IdleLine | None = None
    _began = 0.0
    _mark = ""

    async def _attempt(self) -> None:
        line = await self._crew.do(register.call, self.server_id)
        if self._released:
            line.close()
            return
        self._line = line
        self._began = self._loop.time()
        self._loop.add_reader(line.fileno(), self._on_words)
        self._do(line.begin)
        if self._line is None:
            return
        self._connected(timezone.now())
        # What came while nobody listened was told to nobody.
        if line.inbox.exists and line.inbox.mark != self._mark:
            self._news(self.server_id)
        self._mark = line.inbox.mark

    def _on_words(self) -> None:
        if self._line is not None:
            self._do(self._line.read)

    def _renew(self) -> None:
        if self._line is not None:
            self._do(self._line.renew)

    def _overdue(self) -> None:
        if self._line is not None:
            self._failed(self._line.overdue())

    def _do(self, step: Callable[[], bool | None]) -> None:
        """One step of the conversation, and the time until the next one has to follow."""
        line = self._line
        if line is None:
            return
        waited = line.waits
        try:
            heard = step()
        except LineFailed as error:
            self._failed(error)
            return
        if heard:
            self._news(self.server_id)
        if line.waits and not waited:
            self._after(self._pace.answer, self._overdue)
        elif waited and not line.waits:  # however often a server says that it is still there, we renew in time
            self._after(self._pace.next_renewal(), self._renew)

    def _failed(self, error: LineFailed) -> None:
        if self._line is not None and self._loop.time() - self._began > self._pace.steady:
            self._failures = 0  # that was a good one
        super()._failed(error)

    def _drop(self) -> None:
        super()._drop()
        if self._line is not None:
            self._loop.remove_reader(self._line.fileno())
            self._line.close()
            self._line = None
