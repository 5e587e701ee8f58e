"""Which attachment rules are in force for a mail server: its own, else the system's, else the program's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailDefaults, MailServer
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.services import audit
from mailchannel.services.audit import Person

RULE, LISTED = "attachment_extension_rule", "attachment_extensions"
_EXTENSION = re.compile(r"\w[\w-]{0,29}(?:\.\w[\w-]{0,29}){0,3}")


def extension(text: str) -> str:
    """`.PDF` → `pdf`."""
    given = text.strip().lower().removeprefix("*").removeprefix(".")
    if not _EXTENSION.fullmatch(given):
        raise ValidationError(f"“{text.strip()}” is not the ending of a file name. Write it like pdf or tar.gz.")
    return given


#: Setting whose lines have one spelling in which they are stored.
CHECKS: Final[Mapping[str, Callable[[str], str]]] = {LISTED: extension}


def in_force(server: MailServer) -> dict[str, Any]:
    own, common = _said(server.attachments), system_wide()
    if RULE in own:
        common[LISTED] = ()  # the system's list was written for the system's rule
    return with_defaults(FILE_SPECS, {**common, **own})


def system_wide() -> dict[str, Any]:
    """What a mail server has that says nothing of its own."""
    return with_defaults(FILE_SPECS, _said(MailDefaults.current().attachments))


def own_values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting by name; null where nothing is said."""
    return {spec.name: _said(stored).get(spec.name) for spec in FILE_SPECS}


@transaction.atomic
def save_system_wide(values: Mapping[str, Any], *, by: Person | None) -> None:
    """Every mail server is judged by new settings from here on, also one that is being fetched right now."""
    row = MailDefaults.current()
    before = system_wide()
    row.attachments = _said(values)
    row.save()
    changes = audit.differences(FILE_SPECS, before, system_wide())
    audit.record(row, by=by, message=f"Changed {audit.listed(changes)}.")
    MailServer.objects.exclude(published_at=None).update(version=F("version") + 1)


def _said(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if value not in (None, "", [], ())}
