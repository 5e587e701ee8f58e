"""manage.py send_sample_mail: realistic mails into the demo mailbox."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from helpdesk import demo
from helpdesk.demo.answer import answer_to_newest
from helpdesk.demo.channel import demo_server
from helpdesk.demo.samples import WRITERS, sample_mails
from mailchannel.services.schedule import fetch_soon

NOT_RUNNING = "The demo mailbox is not running{where}. Start it first, in another terminal: make run"


class Command(BaseCommand):
    help = "Delivers realistic mails to the demo mailbox."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default=demo.ADDRESS, metavar="ADDRESS", help="To header (default: %(default)s)")
        parser.add_argument("--count", type=int, default=1, metavar="N", help=f"{len(WRITERS)} shows every kind")
        parser.add_argument("--answer", action="store_true", help="write back to the newest answer of an agent")

    def handle(self, *args: Any, to: str, count: int, answer: bool, **options: Any) -> None:
        _refuse_nonsense(to, count)
        mails = _answer() if answer else list(sample_mails(to, count))
        server = demo_server()
        if server is None:
            raise CommandError(NOT_RUNNING.format(where=""))
        port = int(server.sending["port"])
        try:
            self._deliver(port, mails)
        except (OSError, smtplib.SMTPException) as problem:
            raise CommandError(NOT_RUNNING.format(where=f" on port {port}")) from problem
        fetch_soon(server.pk)  # nobody who tries things out wants to wait for the next minute
        self.stdout.write(f"Delivered. In a few seconds you will see what became of it at {_url()}/")
        if len(mails) >= len(WRITERS):
            self.stdout.write("Every fifth mail is an automatic reply: it opens no ticket, and the mail log says why.")

    def _deliver(self, port: int, mails: list[EmailMessage]) -> None:
        with smtplib.SMTP(demo.HOST, port, timeout=10) as server:
            for mail in mails:
                # As with a forwarded or blind copy, the envelope decides where it lands and To is only what it says.
                server.send_message(mail, to_addrs=[demo.ADDRESS])
                self.stdout.write(f"  {mail['From']}: {mail['Subject']}")


def _refuse_nonsense(to: str, count: int) -> None:
    if count < 1:
        raise CommandError(f"--count must be 1 or more, not {count}.")
    try:
        validate_email(to)
    except ValidationError as problem:
        raise CommandError(f"--to {to!r} is not a mail address.") from problem


def _answer() -> list[EmailMessage]:
    mail = answer_to_newest(demo.SENT_DIRECTORY)
    if mail is None:
        raise CommandError("No agent has answered a mail yet. Answer a ticket first; then its customer can write back.")
    return [mail]


def _url() -> str:
    """Where the running demo listens."""
    return demo.URL_FILE.read_text() if demo.URL_FILE.is_file() else settings.PUBLIC_URL
