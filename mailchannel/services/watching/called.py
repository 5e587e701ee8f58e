"""A mail server that calls us: asked to, and asked again before it forgets."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from mailchannel.services.watching import calls
from mailchannel.services.watching.contact import Contact


class Called(Contact):
    _since: datetime | None = None

    async def _attempt(self) -> None:
        pause = await self._crew.do(calls.ask, self.server_id)
        if self._released:
            return
        self._failures = 0
        if self._since is None:
            self._since = timezone.now()
            self._news(self.server_id)  # what came before was told to nobody
        self._connected(self._since)
        self._after(pause, self.connect)

    def _drop(self) -> None:
        super()._drop()
        self._since = None
