"""Put a file that was left out of a mail back on its ticket, from the stored original."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from mailchannel.kernel.decisions import Verdict
from mailchannel.kernel.types import Part
from mailchannel.models import InboundMail
from mailchannel.services import audit, retention
from mailchannel.services.reading import parse_stored
from tickets.api import attach_later


class CannotRestore(Exception):
    """In words for people."""


@transaction.atomic
def restore(row: InboundMail, *, number: str, digest: str, by: AbstractBaseUser) -> str:
    """The name of the file. Doing it twice is harmless. Raises CannotRestore."""
    row = InboundMail.objects.select_for_update().get(pk=row.pk)
    line = _line(row, number, digest)
    name = str(line["filename"])
    if line["verdict"] != Verdict.STRIPPED:
        return name
    if row.note_id is None:
        raise CannotRestore("This mail became no ticket that could take the file.")
    attach_later(note_id=row.note_id, file=_part(row, number, digest))
    line["verdict"] = Verdict.KEPT.value
    line["because"] = f"Restored by {by} on {timezone.localtime():%Y-%m-%d %H:%M}. {line['because']}"
    row.save(update_fields=["manifest"])
    audit.record(row, by=by, message=f"Restored the file {name} (part {number}, SHA-256 {digest}).")
    return name


def _line(row: InboundMail, number: str, digest: str) -> dict[str, Any]:
    lines: list[dict[str, Any]] = row.manifest
    for line in lines:
        if (line["number"], line["sha256"]) == (number, digest):
            return line
    raise CannotRestore("This mail has no such part.")


def _part(row: InboundMail, number: str, digest: str) -> Part:
    """The bytes decide: a newer parser may number the parts of a mail in another way."""
    mail = parse_stored(row)
    if mail is None:
        raise CannotRestore(retention.why_gone(row))
    same = [part for part in mail.parts if sha256(part.content).hexdigest() == digest]
    if not same:
        raise CannotRestore("The original does not show this part any more. Download it and look for the file there.")
    return next((part for part in same if part.number == number), same[0])
