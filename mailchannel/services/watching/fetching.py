"""Fetches what was announced: one fetch of a mail server at a time, and one more for what came meanwhile."""

from __future__ import annotations

import asyncio
import logging

from mailchannel.models import FetchRun, MailServer
from mailchannel.services.fetch import fetch
from mailchannel.services.watching.crew import Crew

log = logging.getLogger(__name__)

LEASE_WAIT = 1.0  # seconds in a thread that others need, too
PATIENCE = 2 * 60.0  # with whoever fetches that mail server right now; polling is there in any case
LONGEST_PAUSE = 60.0
FREE = 2  # fetches in vain that cost nothing: somebody was quicker, or a person removed the mail

#: What `run` answers besides the number of mails.
BUSY = -1


class Fetching:
    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._running: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._vain: dict[int, int] = {}

    def soon(self, server_id: int) -> None:
        if server_id in self._running:
            self._again.add(server_id)
            return
        task = asyncio.get_running_loop().create_task(self._fetch(server_id))
        self._running[server_id] = task
        task.add_done_callback(lambda _: self._running.pop(server_id, None))

    async def finish(self, seconds: float) -> None:
        """Begins nothing more; what takes longer is safe to be cut off."""
        self._again.clear()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)

    async def _fetch(self, server_id: int) -> None:
        while True:
            await asyncio.sleep(self._pause(server_id))
            self._again.discard(server_id)
            fetched = await self._patiently(server_id)
            self._vain[server_id] = 0 if fetched > 0 else self._vain.get(server_id, 0) + 1
            if server_id not in self._again:
                return

    def _pause(self, server_id: int) -> float:
        """A server that announces mail it does not have must not keep us busy."""
        vain = self._vain.get(server_id, 0) - FREE
        return min(2.0 ** min(vain, 10), LONGEST_PAUSE) if vain > 0 else 0

    async def _patiently(self, server_id: int) -> int:
        """Whoever fetches just now may have looked before the news, so we come after them."""
        pause, deadline = 0.25, asyncio.get_running_loop().time() + PATIENCE
        while (fetched := await self._once(server_id)) == BUSY and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 10)
        return fetched

    async def _once(self, server_id: int) -> int:
        try:
            return await self._crew.do(run, server_id)
        except Exception:
            log.exception("mail server %s: news of mail led to no fetch; polling will", server_id)
            return 0


def run(server_id: int) -> int:
    """The number of mails fetched by a run that began after this was called, or BUSY when none did."""
    server = MailServer.objects.filter(pk=server_id, status=MailServer.Status.ACTIVE).first()
    if server is None:
        return 0
    runs = FetchRun.objects.filter(server=server)
    last = runs.values_list("pk", flat=True).first() or 0
    report = fetch(server, wait=LEASE_WAIT)
    return report.fetched if runs.filter(pk__gt=last).exists() else BUSY
