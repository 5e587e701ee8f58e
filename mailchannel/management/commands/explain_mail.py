"""A dry run: what this mail server's settings make of a mail, step by step."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand, CommandParser

from mailchannel.kernel.decisions import Draft, FileRuling
from mailchannel.kernel.types import TEXT_KINDS
from mailchannel.management.servers import find, json_line, read
from mailchannel.services.explain import Explanation, explain


class Command(BaseCommand):
    help = "Shows what would become of the mails, and every step that led there. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--server", required=True, metavar="NAME")
        parser.add_argument("--json", action="store_true", help="one JSON object a mail")

    def handle(self, *args: Any, files: list[str], server: str, json: bool, **options: Any) -> None:
        mailbox = find(server)
        unreadable = False
        for path in files:
            try:
                found = explain(mailbox, read(path))
            except OSError as error:
                self.stderr.write(f"{path}: {error.strerror}")
                unreadable = True
                continue
            self.stdout.write(json_line(_as_json(path, found)) if json else self._page(path, found))
        if unreadable:
            sys.exit(1)

    def _page(self, path: str, found: Explanation) -> str:
        decision = found.decision
        lines = [f"{path}: {decision.outcome}, {decision.reason}"]
        if found.known_as:
            lines.append(f"  known as mail {found.known_as} of the mail log")
        lines += [f"  {s.stage:7} {s.code:16} {s.verdict:8} {s.because}" for s in decision.trace]
        return "\n".join(lines)


def _as_json(path: str, found: Explanation) -> dict[str, Any]:
    mail, decision = found.mail, found.decision
    return {
        "path": path,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "sender": mail.sender.email if mail.sender else None,
        "thread": decision.draft.thread.number or None if decision.draft else None,
        "steps": [step.as_json() for step in decision.trace],
        "draft": _draft(decision.draft) if decision.draft else None,
        "message_id": mail.message_id,
        "known_as": found.known_as,
    }


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "template": draft.template,
        "ticket_type": draft.ticket_type,
        "fields": dict(draft.fields),
        "recipients": [address.email for address in draft.recipients],
        "attachments": [_attachment(each) for each in draft.manifest if each.part.kind not in TEXT_KINDS],
    }


def _attachment(each: FileRuling) -> dict[str, str | int]:
    return {
        "filename": each.part.filename,
        "verdict": each.verdict.value,
        "reason": each.reason,
        "because": each.because,
        "content_type": each.part.content_type,
        "detected": each.detected,
        "size": len(each.part.content),
    }
