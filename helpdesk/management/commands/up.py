"""manage.py up: migrate, then run web and worker as one unit; --demo adds a mailbox to play with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from helpdesk import demo
from helpdesk.demo.channel import ensure_channel
from helpdesk.first_admin import sign_in_hint
from helpdesk.ports import answers, is_free
from helpdesk.programs import Address, DemoPorts, programs
from helpdesk.supervisor import StopRequest, supervise
from mailchannel.services.schedule import ensure_schedule


class Command(BaseCommand):
    help = "Migrates the database, makes the first administrator, and runs web and worker until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="also run a mailbox in memory, ready to receive mail")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "8000", help="default: PORT or 8000")
        parser.add_argument("--demo-imap-port", type=int, default=demo.IMAP_PORT)
        parser.add_argument("--demo-smtp-port", type=int, default=demo.SMTP_PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        stop = StopRequest()
        web = Address(host, port)
        demo_ports = DemoPorts(options["demo_imap_port"], options["demo_smtp_port"]) if options["demo"] else None
        _refuse_early(web, demo_ports)
        hint = _prepare(demo_ports)
        ports = [(host, port), *((demo.HOST, each) for each in (demo_ports.ports if demo_ports else ()))]
        announce = _once(
            lambda: all(answers(*each) for each in ports), lambda: self._announce(web, hint, is_demo=bool(demo_ports))
        )
        code = supervise(programs(web, demo_ports), stop, watch=announce, say=self._say)
        self._say("Stopped.")
        sys.exit(code)

    def _announce(self, web: Address, hint: str, *, is_demo: bool) -> None:
        lines = [f"Helpdesk is running at {web.url}/", f"Sign in:            {hint}"]
        if is_demo:
            lines.append(f"Send a first mail:  {_short(Path(sys.executable))} manage.py send_sample_mail")
            lines.append(f"Mail to customers:  {_short(demo.SENT_DIRECTORY)}")
            demo.URL_FILE.write_text(web.url)
        if listening := [str(place) for place in (settings.SMTP_LISTEN, settings.LMTP_LISTEN) if place]:
            lines.append(f"Mail servers:       {', '.join(listening)}")
        lines.append("Ctrl-C ends everything.")
        self.stdout.write("\n" + "".join(f"  {line}\n" for line in lines))
        self.stdout.flush()

    def _say(self, news: str) -> None:
        self.stderr.write(f"[up] {news}")
        self.stderr.flush()


def _prepare(demo_ports: DemoPorts | None) -> str:
    """Database, account, schedule; returns how to sign in."""
    call_command("migrate", verbosity=0)
    hint = sign_in_hint(demo.LOGIN_FILE if demo_ports else None)
    if demo_ports:
        ensure_channel(imap_port=demo_ports.imap, smtp_port=demo_ports.smtp)
    ensure_schedule()
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns when it is missing, though it needs nothing from it
    connections.close_all()
    return hint


def _refuse_early(web: Address, demo_ports: DemoPorts | None) -> None:
    """One sentence now instead of five restarts and a page of traces."""
    _refuse_taken(web.host, web.port, "PORT=8123 make run, or --port 8123")
    for name, place in (("HELPDESK_SMTP_LISTEN", settings.SMTP_LISTEN), ("HELPDESK_LMTP_LISTEN", settings.LMTP_LISTEN)):
        if place and place.port:
            _refuse_taken(place.host, place.port, f"{name} in .env")
    if demo_ports is None:
        return
    _refuse_taken(demo.HOST, demo_ports.imap, f"--demo-imap-port {demo_ports.imap + 1}")
    _refuse_taken(demo.HOST, demo_ports.smtp, f"--demo-smtp-port {demo_ports.smtp + 1}")
    if not settings.ALLOW_PRIVATE_HOSTS:
        raise CommandError(
            "The demo mailbox lives on 127.0.0.1, which this installation may not reach. "
            "Set HELPDESK_ALLOW_PRIVATE_HOSTS=true in .env for a local trial."
        )


def _refuse_taken(host: str, port: int, instead: str) -> None:
    try:
        free = is_free(host, port)
    except (OSError, OverflowError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise CommandError(f"Cannot listen on {host}:{port}: {why}.") from problem
    if not free:
        raise CommandError(f"Port {port} on {host} is taken by another program. Use another one: {instead}.")


def _once(ready: Callable[[], bool], act: Callable[[], None]) -> Callable[[], None]:
    """A function to call often, which acts the first time it finds everything ready."""
    waiting = [act]

    def look() -> None:
        if waiting and ready():
            waiting.pop()()

    return look


def _short(path: Path) -> str:
    """As a person standing in the checkout would type it."""
    return str(path.relative_to(settings.BASE_DIR) if path.is_relative_to(settings.BASE_DIR) else path)
