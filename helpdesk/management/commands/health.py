"""manage.py health: what /healthz says, for people and for cron; exit 1 when something needs a person."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mailchannel.services.health import snapshot


class Command(BaseCommand):
    help = "Says whether mail is being worked on; exits with 1 when something needs a person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same JSON as /healthz")

    def handle(self, *args: Any, **options: Any) -> None:
        facts = snapshot()
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write("\n".join(_lines(facts)))
        sys.exit(0 if facts["ok"] else 1)


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"Database: {facts['database']}"]
    if "worker" in facts:
        lines.append(f"Worker last seen: {facts['worker']['last_seen'] or 'never'}")
        lines.append(f"Mail waiting: {facts['waiting']['received']} received, {facts['waiting']['to_send']} to send")
        lines.append(f"Mail that could not be sent: {facts['failed']['to_send']}")
    for server in facts.get("mail_servers", ()):
        lines.append(f"Mail server {server['id']}: {server['status']}, last read {server['last_success'] or 'never'}")
    problems = [f"Problem: {problem['because']}" for problem in facts["problems"]]
    return lines + (problems or ["All is well."])
