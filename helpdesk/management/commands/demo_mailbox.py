"""manage.py demo_mailbox: the demo's mail server in the foreground; `up --demo` starts it for you."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk import demo
from helpdesk.demo.mailbox import serve


class Command(BaseCommand):
    help = "Runs a mailbox in memory (IMAP) and a mail sink (SMTP) on this machine, for trying things out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--imap-port", type=int, default=demo.IMAP_PORT)
        parser.add_argument("--smtp-port", type=int, default=demo.SMTP_PORT)
        parser.add_argument("--sent", type=Path, default=demo.SENT_DIRECTORY, help="directory for .eml")

    def handle(self, *args: Any, imap_port: int, smtp_port: int, sent: Path, **options: Any) -> None:
        try:
            asyncio.run(serve(imap_port=imap_port, smtp_port=smtp_port, sent=sent))
        except OSError as problem:
            raise CommandError(f"The demo mailbox cannot start: {problem.strerror}.") from problem
