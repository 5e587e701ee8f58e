"""Mail servers hand mail to us here, by SMTP or LMTP."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from mailchannel.services.inbox import inbound_domain
from mailchannel.smtp_in.listener import Listening, listening


def wanted() -> Listening:
    """As the environment says."""
    return Listening(
        hostname=inbound_domain(),
        smtp=settings.SMTP_LISTEN,
        lmtp=settings.LMTP_LISTEN,
        certificate=settings.SMTP_CERTIFICATE,
        key=settings.SMTP_KEY,
        connections=settings.SMTP_CONNECTIONS,
    )


class Command(BaseCommand):
    help = "Takes mail for forwarding inboxes by SMTP and LMTP, until it is told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        if not wanted().places:
            raise CommandError("Set HELPDESK_SMTP_LISTEN or HELPDESK_LMTP_LISTEN to where it should listen.")
        try:
            asyncio.run(self._run())
        except OSError as error:
            raise CommandError(f"Cannot listen: {error}") from error

    async def _run(self) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with listening(wanted()):
            self.stdout.write(f"Taking mail at {', '.join(map(str, wanted().places))}.")
            self.stdout.flush()
            await stop.wait()
