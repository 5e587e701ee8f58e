"""The fate of every mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from mailchannel.kernel.decisions import Outcome
from mailchannel.management.servers import find, json_line
from mailchannel.models import InboundMail
from mailchannel.services.judge_again import NEEDS_A_PERSON
from tickets.api import format_number

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    help = "Lists received mails, oldest first: what each became, and why."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="WHEN", help="2026-01-31, 2026-01-31T08:00 or 30m, 12h, 7d ago")
        parser.add_argument("--outcome", choices=[outcome.value for outcome in Outcome])
        parser.add_argument("--until", metavar="WHEN", help="like --since; of a day all of it")
        parser.add_argument("--needs-person", action="store_true", help="only failed, held and rejected mail")
        parser.add_argument("--sender", metavar="WORDS", help="an address or a part of it")
        parser.add_argument("--subject", metavar="WORDS", help="a part of it")
        parser.add_argument("--message-id", metavar="WORDS", help="the Message-ID or a part of it")
        parser.add_argument("--server", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="one JSON object a mail")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        rows = InboundMail.objects.select_related("server").defer("trace", "manifest", "server__secrets").order_by("pk")
        rows = rows.filter(**_conditions(options))
        for row in rows.iterator(chunk_size=500):
            self.stdout.write(json_line(_as_json(row)) if json else _line(row))


def _conditions(options: Mapping[str, Any]) -> dict[str, Any]:
    parts = {"sender": options["sender"], "subject": options["subject"], "message_id": _bare(options["message_id"])}
    found: dict[str, Any] = {f"{column}__icontains": words for column, words in parts.items() if words}
    if options["since"]:
        found["kept_at__gte"] = _moment(options["since"])
    if options["until"]:
        found["kept_at__lte"] = _moment(options["until"], last=True)
    if options["outcome"]:
        found["outcome"] = options["outcome"]
    if options["needs_person"]:
        found["outcome__in"] = NEEDS_A_PERSON
    if options["server"]:
        found["server"] = find(options["server"])
    return found


def _bare(message_id: str | None) -> str:
    return (message_id or "").strip().removeprefix("<").removesuffix(">")


def _moment(text: str, *, last: bool = False) -> datetime:
    """`last`: the end of a day, not its beginning."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return timezone.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        day = parse_date(text)
        moment = datetime.combine(day, time.max if last else time.min) if day else parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is no time. Write 2026-01-31, 2026-01-31T08:00 or 12h.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _as_json(row: InboundMail) -> dict[str, Any]:
    return {
        "id": row.pk,
        "server": row.server.name,
        "message_id": row.message_id,
        "from": row.sender,
        "subject": row.subject,
        "received": row.received_at.isoformat(),
        "outcome": row.outcome,
        "reason": row.reason,
        "ticket": format_number(row.ticket_id) if row.ticket_id else None,
        "filed": row.filed_to or None,
    }


def _line(row: InboundMail) -> str:
    ticket = format_number(row.ticket_id) if row.ticket_id else "-"
    when = timezone.localtime(row.received_at)
    return f"{row.pk:>6} {when:%Y-%m-%d %H:%M} {row.outcome:9} {row.reason:26} {ticket:8} {row.sender}: {row.subject}"
