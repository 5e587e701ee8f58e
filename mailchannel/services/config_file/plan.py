"""What applying a file would change: it is applied, compared and rolled back, so a plan cannot be wrong about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from mailchannel.models import MailServer, Proxy
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
    found = document()
    rows: Mapping[str, Iterable[Proxy | MailServer]] = {
        "proxies": Proxy.objects.all(),
        "mail_servers": MailServer.objects.all(),
    }
    return {**found, **{kind: _with_secrets(found[kind], stored) for kind, stored in rows.items()}}


def _with_secrets(entries: Iterable[Mapping[str, Any]], rows: Iterable[Proxy | MailServer]) -> list[dict[str, Any]]:
    secrets = {row.name: {name: _Secret(value) for name, value in row.secrets.items()} for row in rows}
    return [{**entry, "secrets": secrets[entry["name"]]} for entry in entries]


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
