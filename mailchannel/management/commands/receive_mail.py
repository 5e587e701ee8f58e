"""Intake for an MTA's pipe. Exit codes of sysexits.h: 0 once the mail is kept, 75 (EX_TEMPFAIL) when it is not, 69
(EX_UNAVAILABLE) when it is too large and this inbox sends such mail back.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError

from mailchannel.kernel.channel import Channel
from mailchannel.management.servers import find, json_line
from mailchannel.models import InboundMail, MailServer
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services import inbox, push
from mailchannel.services.config import freeze
from mailchannel.services.keep import Kept
from mailchannel.services.settle import StorageTrouble, settle_kept
from mailchannel.services.spool import PIECE, Spool
from tickets.api import format_number

EX_TEMPFAIL = 75
EX_UNAVAILABLE = 69


class NotActive(Exception):
    """Nobody would look at the mail now; the MTA keeps it until somebody publishes or resumes the mail server."""


class TooLarge(Exception):
    """The MTA tells the sender."""


class Command(BaseCommand):
    help = "Takes mails in as if they had been forwarded to this mail server. '-' reads one from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--server", required=True, metavar="NAME")

    def handle(self, *args: Any, files: list[str], server: str, **options: Any) -> None:
        try:
            mailbox = find(server)
            if inbox.is_inbox(mailbox):
                push.arrived(mailbox)
            if mailbox.status not in MailServer.LIVE:
                raise NotActive(f"{mailbox} is {mailbox.get_status_display().lower()}.")
            channel = freeze(mailbox)
            deliveries = [(path, _accept(mailbox, path)) for path in files]
        except TooLarge as error:
            self.stderr.write(str(error))
            sys.exit(EX_UNAVAILABLE)
        except Exception as error:  # whatever it is: any other exit code makes an MTA send the mail back
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
        except Exception as trouble:
            if not isinstance(trouble, StorageTrouble | DatabaseError | InterfaceError):
                self.stderr.write("It is kept; that it could not be settled at once needs a look:")
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


def _accept(server: MailServer, path: str) -> Kept:
    """Never more of a mail in memory than may be kept. Raises OSError, TooLarge, DatabaseError."""
    with Spool(limit(server.acceptance)) as spool:
        if path == "-":
            _copy(sys.stdin.buffer, spool)
        else:
            with Path(path).open("rb") as file:
                _copy(file, spool)
        if spool.cut and inbox.is_inbox(server) and inbox.refuses_large(server):
            raise TooLarge(f"{spool.size:,} bytes is more than {server} takes.")
        return push.accept(server, spool.content(), transport="pipe", size=spool.size)


def _copy(source: BinaryIO, spool: Spool) -> None:
    while piece := source.read(PIECE):
        spool.write(piece)
