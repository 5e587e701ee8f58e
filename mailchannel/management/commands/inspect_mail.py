"""What the parser makes of mails: one line of JSON per file. Reads nothing but the files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from mailchannel.kernel.types import Address, ParsedMail, Part
from mailchannel.parsing.automatic import automatic, bounce
from mailchannel.parsing.importance import importance
from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words


class Command(BaseCommand):
    help = "Parses mails and prints what was understood of each, as one JSON object per line."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a mail as a server stores it (.eml)")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["files"]:
            self.stdout.write(json.dumps({"path": path, **_inspected(path)}, ensure_ascii=True))


def _inspected(path: str) -> dict[str, Any]:
    try:
        raw = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        return {"ok": False, "error": f"The file cannot be read: {error}"}
    mail = parse(raw)
    return {"ok": not mail.too_complex, "error": mail.too_complex, **as_json(mail)}


def as_json(mail: ParsedMail) -> dict[str, Any]:
    return {
        "message_id": mail.message_id,
        "from_name": mail.sender.name if mail.sender else _only_a_name(mail),
        "from_address": mail.sender.email if mail.sender else "",
        "sender_problem": mail.sender_problem,
        "to": [_address(each) for each in mail.to],
        "cc": [_address(each) for each in mail.cc],
        "reply_to": [_address(each) for each in mail.reply_to],
        "subject": mail.subject,
        "date": mail.date.isoformat() if mail.date else None,
        "text": mail.text,
        "reply_text": new_words(mail),
        "html": mail.html,
        "attachments": [_attachment(each) for each in mail.attachments],
        "auto_submitted": automatic(mail),
        "bounce": bounce(mail),
        "importance": importance(mail),
        "in_reply_to": list(mail.in_reply_to),
        "references": list(mail.references),
        "defects": list(mail.defects),
    }


def _only_a_name(mail: ParsedMail) -> str:
    """`From: Reception` names somebody, though there is no address to answer to."""
    return "" if "@" in mail.from_header else mail.from_header


def _address(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.email}


def _attachment(part: Part) -> dict[str, Any]:
    return {
        "filename": part.filename,
        "content_type": part.content_type,
        "size": len(part.content),
        "content_id": part.content_id,
        "inline": part.inline,
    }
