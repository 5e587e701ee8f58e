"""Keeps a line to every mail server that should be watched, and no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from mailchannel.services.watching import calls, register
from mailchannel.services.watching.alone import Post
from mailchannel.services.watching.called import Called
from mailchannel.services.watching.contact import Contact
from mailchannel.services.watching.crew import Crew
from mailchannel.services.watching.fetching import Fetching
from mailchannel.services.watching.mailbox import Mailbox
from mailchannel.services.watching.pace import Pace
from mailchannel.services.watching.register import Push, Stamp
from mailchannel.transports.graph import Graph

log = logging.getLogger(__name__)

CALLERS = 8  # connecting, signing in
LAST_FETCHES = 18.0  # seconds; less than the supervisor's patience
LAST_WORDS = 3.0


class Watcher:
    """Made and run in one event loop."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._clerk = Crew(1, "register")
        self._callers = Crew(CALLERS, "caller")
        self._fetching = Fetching(Crew(settings.WORKERS, "fetcher"))
        self._post = Post()
        self._on_duty = False
        self._contacts: dict[int, Contact] = {}
        self._told: dict[int, Push] = {}
        self._to_tell: dict[int, Push] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._pace.look)
        await self._end()

    async def _look(self) -> None:
        news, self._to_tell = self._to_tell, {}
        try:
            wanted = await self._clerk.do(self._ask, news)
        except (DatabaseError, InterfaceError, OSError):
            log.exception("the list of mail servers cannot be read; what is connected stays so")
            self._to_tell = {**news, **self._to_tell}
            return
        self._told |= news
        self._follow(wanted)

    def _ask(self, news: Mapping[int, Push]) -> dict[int, Stamp]:
        """In the clerk's thread. Nothing is wanted of somebody who is not on duty."""
        if not self._post.take():
            self._on_duty = False
            return {}
        if not self._on_duty:
            register.forget()  # what a watcher that was killed has left
            self._told.clear()
            self._on_duty = True
        register.tell(news)
        return register.wanted()

    def _follow(self, wanted: Mapping[int, Stamp]) -> None:
        for server_id, contact in list(self._contacts.items()):
            if wanted.get(server_id) != contact.stamp:
                self._let_go(self._contacts.pop(server_id), for_good=server_id not in wanted)
        for server_id, stamp in wanted.items():
            if server_id not in self._contacts:
                self._contacts[server_id] = self._connected(server_id, stamp)

    def _let_go(self, contact: Contact, *, for_good: bool) -> None:
        contact.release()
        self._say(contact.server_id, Push())
        if for_good and isinstance(contact, Called):
            self._leaving.add(task := asyncio.create_task(self._callers.do(calls.stop, contact.server_id)))
            task.add_done_callback(self._leaving.discard)

    def _connected(self, server_id: int, stamp: Stamp) -> Contact:
        kind = Called if stamp[0] == Graph.key else Mailbox
        contact = kind(server_id, stamp, self._callers, self._pace, self._fetching.soon, self._say)
        contact.connect()
        return contact

    def _say(self, server_id: int, push: Push) -> None:
        """Written with the next look, and only when it is something else than what stands there."""
        self._to_tell.pop(server_id, None)
        if self._told.get(server_id, Push()) != push:
            self._to_tell[server_id] = push

    async def _end(self) -> None:
        for contact in self._contacts.values():
            contact.release()
        await self._fetching.finish(LAST_FETCHES)
        with suppress(TimeoutError, DatabaseError, InterfaceError):
            await asyncio.wait_for(self._clerk.do(self._leave), LAST_WORDS)

    def _leave(self) -> None:
        if self._on_duty:
            register.forget()
        self._post.leave()
