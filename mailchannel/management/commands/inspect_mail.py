"""What the parser makes of mails: one line of JSON per file. Reads nothing but the files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from mailchannel.kernel.types import TEXT_KINDS, Address, DeliveryReport, ParsedMail, Part
from mailchannel.parsing.automatic import automatic, bounce
from mailchannel.parsing.filetype import detect
from mailchannel.parsing.importance import importance
from mailchannel.parsing.kinds import kind_of
from mailchannel.parsing.quotes import new_words
from mailchannel.services.manifest import row_of
from mailchannel.services.reading import parse


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
    try:
        mail = parse(raw)
        return {"ok": not mail.too_complex, "error": mail.too_complex, **as_json(mail)}
    except Exception as error:  # no mail may keep the others from being inspected
        return {"ok": False, "error": f"Reading it failed: {type(error).__name__}: {error}"}


def as_json(mail: ParsedMail) -> dict[str, Any]:
    found = kind_of(mail)
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
        "parts": [_part(each) for each in mail.parts],
        "kind": found.kind.value,
        "kind_sign": found.sign,
        "auto_submitted": automatic(mail),
        "bounce": bounce(mail),
        "report": _report(mail.report) if mail.report else None,
        "importance": importance(mail),
        "protection": mail.protection,
        "in_reply_to": list(mail.in_reply_to),
        "references": list(mail.references),
        "defects": list(mail.defects),
        "too_complex": mail.too_complex,
    }


def _only_a_name(mail: ParsedMail) -> str:
    """`From: Reception <desk>` names somebody, though there is no address to answer to."""
    name = mail.from_header.partition("<")[0].strip(' "')
    return "" if "@" in name else name


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


def _part(part: Part) -> dict[str, Any]:
    return {**row_of(part), "detected": "" if part.kind in TEXT_KINDS else detect(part.content)}


def _report(report: DeliveryReport) -> dict[str, Any]:
    return {
        "sign": report.sign,
        "recipients": [asdict(each) for each in report.recipients],
        "original_ids": list(report.original_ids),
    }
