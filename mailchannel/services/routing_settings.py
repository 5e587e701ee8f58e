"""Where a mail server's tickets go: do its settings name only what there is?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer
from mailchannel.pipeline.addressing import is_ours
from mailchannel.pipeline.routing import KINDS, KNOWN, ROUTING_SPECS, assignments
from tickets.api import named

#: Setting with a table → what its lines lead to.
TABLES: Final = {"alias_departments": "department", "service_words": "service", "process_words": "process"}
_FEW = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 0; None where the setting is one value."""

    setting: str
    line: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.line is None else f"Line {self.line + 1}: {self.text}"


def frozen(routing: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with those of the names they mention that exist."""
    mentioned = _mentioned(with_defaults(ROUTING_SPECS, routing))
    known = {KINDS[what]: frozenset(named(KINDS[what])) & names for what, names in mentioned.items() if names}
    return {**routing, KNOWN: known}


def addresses(server: MailServer) -> list[str]:
    """Every address of this mailbox."""
    aliases = server.aliases.values_list("address", flat=True) if server.pk else ()
    return [each for each in (server.address, *aliases) if each]


def problems(routing: Mapping[str, Any], addresses: Collection[str]) -> Iterator[Problem]:
    """Names that do not exist, and addresses that are none of this mailbox. Lines are spelled as they are stored."""
    settings = with_defaults(ROUTING_SPECS, routing)
    names = {what: named(KINDS[what]) if each else [] for what, each in _mentioned(settings).items()}
    for what in ("department", "service"):
        if settings[what] and settings[what] not in names[what]:
            yield Problem(what, None, _no_such(what, settings[what], names[what]))
    for setting, what in TABLES.items():
        for line, (_, name) in enumerate(assignments(settings[setting])):
            if name not in names[what]:
                yield Problem(setting, line, _no_such(what, name, names[what]))
    yield from _address_problems(settings["alias_departments"], addresses)


def _address_problems(lines: Iterable[str], addresses: Collection[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for line, (address, _) in enumerate(assignments(lines)):
        if not is_ours(address, addresses):
            text = f"{address} is no address of this mailbox. Add it to its other addresses, or remove the line."
            yield Problem("alias_departments", line, text)
        elif address in seen:
            yield Problem(
                "alias_departments", line, f"{address} stands in an earlier line already. Remove one of them."
            )
        seen.add(address)


def _mentioned(settings: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {what: {settings.get(what) or ""} for what in KINDS}
    for setting, what in TABLES.items():
        found[what] |= {name for _, name in assignments(settings[setting])}
    return {what: names - {""} for what, names in found.items()}


def _no_such(what: str, name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, names, n=1)
    if close:
        return f"there is no {what} “{name}”. Did you mean “{close[0]}”?"
    listed = ", ".join(f"“{each}”" for each in list(names)[:_FEW])
    there_are = f" There {'are' if len(names) > 1 else 'is'} {listed}." if names else ""
    return f"there is no {what} “{name}”. Add it to the {KINDS[what]} first, or correct the name.{there_are}"
