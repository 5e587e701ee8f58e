"""Fetch now, in the foreground."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand, CommandParser

from mailchannel.management.servers import find_all, json_line
from mailchannel.services.fetch import Report, fetch
from mailchannel.services.receive import Progress

BAR = 30


class Command(BaseCommand):
    help = "Fetches the mail of the named mail servers, or of every active one, and shows what became of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--server", action="append", metavar="NAME", help="repeat for several")
        parser.add_argument("--json", action="store_true", help="one JSON object a mail server")
        parser.add_argument("--wait", type=float, default=150, metavar="SECONDS", help="for a fetch already running")

    def handle(self, *args: Any, server: list[str] | None, json: bool, wait: float, **options: Any) -> None:
        failed = False
        for each in find_all(server):
            report = fetch(each, wait=wait, progress=self._progress(each.name))
            failed = failed or bool(report.error)
            self.stdout.write(json_line(report.as_json()) if json else self._sentence(report))
        if failed:
            sys.exit(1)

    def _progress(self, name: str) -> Progress:
        def show(done: int, total: int) -> None:
            if sys.stderr.isatty():
                filled = BAR * done // max(total, 1)
                self.stderr.write(f"\r{name} [{'█' * filled}{' ' * (BAR - filled)}] {done}/{total}", ending="")
                if done >= total:
                    self.stderr.write("")

        return show

    def _sentence(self, report: Report) -> str:
        parts = [
            f"{count} {word}"
            for word in ("opened", "added", "ignored", "rejected", "duplicates", "failed")
            if (count := getattr(report, word))
        ]
        became = ": " + ", ".join(parts) if parts else ""
        done = f"{report.server}: {report.fetched} new mails in {report.seconds:.1f} s{became}."
        return f"{done} {self.style.ERROR(report.error)}" if report.error else done
