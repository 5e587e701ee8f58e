"""One watched mail server: being in touch with it, however that is done, and again after each failure, until let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from mailchannel.network.faults import Fault
from mailchannel.network.imap_idle import LineFailed
from mailchannel.services.watching.crew import Crew
from mailchannel.services.watching.pace import Pace
from mailchannel.services.watching.register import Push, Stamp

log = logging.getLogger(__name__)


class Contact:
    """Lives in the event loop's thread. `news`: called when there may be new mail; `says`: what to tell people."""

    def __init__(
        self,
        server_id: int,
        stamp: Stamp,
        crew: Crew,
        pace: Pace,
        news: Callable[[int], None],
        says: Callable[[int, Push], None],
    ) -> None:
        self.server_id = server_id
        self.stamp = stamp
        self._crew = crew
        self._pace = pace
        self._news = news
        self._says = says
        self._loop = asyncio.get_running_loop()
        self._released = False
        self._failures = 0
        self._error = ""
        self._timer: asyncio.TimerHandle | None = None
        self._trying: asyncio.Task[None] | None = None

    def connect(self) -> None:
        self._trying = self._loop.create_task(self._try())

    def release(self) -> None:
        """For good."""
        self._released = True
        self._drop()

    async def _attempt(self) -> None:
        """Gets in touch. Raises LineFailed."""
        raise NotImplementedError

    def _drop(self) -> None:
        """Lets go of whatever there is."""
        if self._timer is not None:
            self._timer.cancel()

    def _connected(self, since: datetime) -> None:
        self._says(self.server_id, Push(since=since))

    def _failed(self, error: LineFailed) -> None:
        self._drop()
        if self._released:
            return
        self._failures += 1
        if self._failures == 1:
            self._error = ""  # of trouble that is over
        text = str(error)
        lasts = self._failures > 1 or error.permanent  # else it may only be starting, as we are
        if lasts and text != self._error:
            log.warning("mail server %s: not told of new mail: %s", self.server_id, text)
            self._error = text
        self._says(self.server_id, Push(error=text))
        self._after(self._pace.pause(self._failures, hopeless=error.permanent), self.connect)

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, what)

    async def _try(self) -> None:
        try:
            await self._attempt()
        except LineFailed as error:
            self._failed(error)
        except Exception as error:  # the database, or what nobody planned: the next attempt may do
            log.exception("mail server %s: not in touch", self.server_id)
            text = f"Something unexpected happened ({type(error).__name__}); the watcher's log says more."
            self._failed(LineFailed(Fault(text)))
