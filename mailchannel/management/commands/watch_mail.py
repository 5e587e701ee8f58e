"""Be told of new mail by every mail server that can, and fetch it at once."""

from __future__ import annotations

import asyncio
import resource
import signal
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from mailchannel.services.watching.pace import Pace
from mailchannel.services.watching.watcher import Watcher

FILES = 65_536  # open at a time: one for each mail server


class Command(BaseCommand):
    help = "Keeps a connection (IMAP IDLE) to every active mail server that tells of new mail. Runs until stopped."
    requires_system_checks: tuple[str, ...] = ()  # of pages, which are not its concern

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--renew",
            type=float,
            default=Pace().renew,
            metavar="SECONDS",
            help="ask a server to go on telling; shorten it where routers forget silent lines (default: %(default)g)",
        )

    def handle(self, *args: Any, renew: float, **options: Any) -> None:
        if not renew > 0:
            raise CommandError("--renew takes the seconds between two questions, such as 120.")
        _allow_many_files()
        asyncio.run(_watch(Pace(renew=renew)))


async def _watch(pace: Pace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Watcher(pace).run(stop)


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
