"""Intake for an MTA's pipe: exit 0 once the mail is kept, 75 (EX_TEMPFAIL, sysexits.h) when it is not."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError

from mailchannel.kernel.channel import Channel
from mailchannel.management.servers import find, json_line, read
from mailchannel.models import InboundMail, MailServer
from mailchannel.services.config import freeze
from mailchannel.services.keep import Kept
from mailchannel.services.push import accept
from mailchannel.services.settle import StorageTrouble, settle_kept
from tickets.api import format_number

EX_TEMPFAIL = 75


class NotActive(Exception):
    """Nobody would look at the mail now; the MTA keeps it until somebody publishes or resumes the mail server."""


class Command(BaseCommand):
    help = "Takes mails in as if they had been forwarded to this mail server. '-' reads one from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--server", required=True, metavar="NAME")

    def handle(self, *args: Any, files: list[str], server: str, **options: Any) -> None:
        try:
            mailbox = find(server)
            if mailbox.status not in MailServer.LIVE:
                raise NotActive(f"{mailbox} is {mailbox.get_status_display().lower()}.")
            channel = freeze(mailbox)
            deliveries = [(path, accept(mailbox, read(path), transport="pipe")) for path in files]
        except (DatabaseError, InterfaceError, OSError, NotActive) as error:
            self.stderr.write(f"Not kept, please deliver again later: {error}")
            sys.exit(EX_TEMPFAIL)
        for path, kept in deliveries:
            self._settle(kept, channel)
            self.stdout.write(json_line(self._line(path, kept.row)))

    def _settle(self, kept: Kept, channel: Channel) -> None:
        """The mail is kept, so nothing may go wrong for the MTA any more; the sweeper finishes what fails here."""
        try:
            settle_kept([kept], channel)
            kept.row.refresh_from_db()
        except (StorageTrouble, DatabaseError, InterfaceError) as trouble:
            self.stderr.write(str(trouble))

    def _line(self, path: str, row: InboundMail) -> dict[str, Any]:
        return {
            "path": path,
            "inbound": row.pk,
            "outcome": row.outcome,
            "reason": row.reason,
            "ticket": format_number(row.ticket_id) if row.ticket_id else None,
            "note": row.note_id,
        }
