"""The published settings of a mail server over time: what they were and what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from mailchannel.models import MailServer, SettingsVersion
from mailchannel.services import drafts
from mailchannel.services.audit import Person
from mailchannel.services.settings_document import exported_server, flat

#: Not a setting, but what a person does with the mail server.
_APART = ("status",)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs. `what` is its place, like `connection.port`."""

    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.words}: {self.was} → {self.becomes}"

    @property
    def words(self) -> str:
        """`connection.timeout_ms` → `connection › timeout ms`."""
        return self.what.replace(".", " › ").replace("_", " ")

    @property
    def was(self) -> str:
        return _shown(self.before)

    @property
    def becomes(self) -> str:
        return _shown(self.after)


def document(server: MailServer) -> dict[str, Any]:
    """The settings as a settings file has them, without secrets, in values JSON knows."""
    settings = {key: value for key, value in exported_server(server).items() if key not in _APART}
    plain: dict[str, Any] = json.loads(json.dumps(settings, cls=DjangoJSONEncoder))
    return plain


def record(server: MailServer, *, by: Person | None, remark: str = "") -> SettingsVersion:
    """Keeps the settings now in force under the mail server's version; runs inside the caller's transaction."""
    row, _ = SettingsVersion.objects.update_or_create(
        server=server,
        number=server.version,
        defaults={"document": document(server), "by_id": by.pk if by else None, "remark": remark},
    )
    return row


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every value that differs between two documents, in their order; what is empty counts as absent."""
    old, new = _facts(before), _facts(after)
    return [
        Change(path, old.get(path), new.get(path))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def pending(server: MailServer) -> list[Change]:
    """What publishing the draft would change."""
    draft = drafts.draft_of(server)
    if draft is None:
        return []
    names = sorted({*server.secrets, *draft.secrets})
    secrets = [
        Change(f"secrets.{name}", "(not shown)", "(not shown)")
        for name in names
        if server.secrets.get(name) != draft.secrets.get(name)
    ]
    return changes(document(server), document(draft)) + secrets


def _facts(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in flat("", settings) if value not in (None, "", [])}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
