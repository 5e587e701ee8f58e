"""What applying a file would change: it is applied, compared and rolled back, so a plan cannot be wrong about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from mailchannel.models import MailServer
from mailchannel.services.config_file.apply import apply
from mailchannel.services.config_file.export import document
from mailchannel.services.config_file.file import ConfigFile
from mailchannel.services.settings_document import flat


@dataclass(frozen=True, slots=True)
class _Secret:
    """Can be compared, cannot be shown."""

    value: str = field(repr=False)


def plan(file: ConfigFile) -> list[str]:
    """One line for each value that differs, like `mail_servers.Support.connection.port: 993 → 143`.

    Raises ConfigError.
    """
    with transaction.atomic():
        changes = apply_and_report(file)
        transaction.set_rollback(True)
    return changes


@transaction.atomic
def apply_and_report(file: ConfigFile) -> list[str]:
    """The same lines, and they are true from now on. Raises ConfigError."""
    before = _facts()
    apply(file)
    after = _facts()
    changed = [path for path in dict.fromkeys((*before, *after)) if before.get(path) != after.get(path)]
    return [f"{path}: {_difference(before.get(path), after.get(path))}" for path in changed]


def _facts() -> dict[str, Any]:
    """Path → value, without what is empty: a new mail server is not news about each thing it does not have."""
    return {path: value for path, value in flat("", _state()) if value not in (None, "", [])}


def _state() -> Mapping[str, Any]:
    secrets = {
        server.name: {name: _Secret(value) for name, value in server.secrets.items()}
        for server in MailServer.objects.all()
    }
    found = document()
    servers = [{**server, "secrets": secrets[server["name"]]} for server in found["mail_servers"]]
    return {**found, "mail_servers": servers}


def _difference(before: Any, after: Any) -> str:
    if isinstance(before, _Secret) or isinstance(after, _Secret):
        return "changed" if before else "set"
    return f"{_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
