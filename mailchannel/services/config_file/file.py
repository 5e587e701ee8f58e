"""A settings file that has been read: every value has the right shape, and errors still find their line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailchannel.services.config_file.located import locate
from mailchannel.services.config_file.problems import ConfigError, Problem
from mailchannel.services.config_file.schema import root_section

LISTS = ("ticket_types", "templates", "proxies", "mail_servers")
NAMES = ("departments", "services", "processes")


@dataclass(frozen=True, slots=True)
class Entry:
    """The defaults, one ticket type, template, proxy or mail server: `says` holds what the file mentions of it."""

    at: str
    says: Mapping[str, Any]
    lines: Mapping[str, int]

    @property
    def name(self) -> str:
        return str(self.says["name"])

    def section(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.says.get(key, {})
        return found

    def error(self, path: str, text: str) -> ConfigError:
        return ConfigError([self.problem(path, text)])

    def problem(self, path: str, text: str) -> Problem:
        """Said at the line of the value, or of the nearest thing around it that the file mentions."""
        whole = f"{self.at}.{path}" if path else self.at
        around = whole
        while around and around not in self.lines:
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
        return Problem(self.lines.get(around, 0), whole, text)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    defaults: Entry
    ticket_types: tuple[Entry, ...]
    templates: tuple[Entry, ...]
    proxies: tuple[Entry, ...]
    mail_servers: tuple[Entry, ...]
    names: Mapping[str, Sequence[str]]  # departments, services and processes, as far as the file has them


def read(yaml_text: str, *, folder: Path) -> ConfigFile:
    """`folder` is where relative paths of secrets begin. Raises ConfigError."""
    tree = locate(yaml_text)
    found = root_section(folder)(tree)
    lines = {at.path: at.line for at in tree.walk()}
    lists = {key: tuple(_entries(key, found.get(key, ()), lines)) for key in LISTS}
    names = {key: found[key] for key in NAMES if key in found}
    return ConfigFile(Entry("defaults", found.get("defaults", {}), lines), **lists, names=names)


def _entries(key: str, found: Any, lines: Mapping[str, int]) -> Iterator[Entry]:
    return (Entry(f"{key}[{place}]", says, lines) for place, says in enumerate(found))
