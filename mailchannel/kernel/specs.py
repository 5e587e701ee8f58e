"""One description of a setting, read by the wizard, `channel_config`, the docs and the validators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - stored encrypted, never shown again
    INTEGER = "integer"
    SWITCH = "switch"
    CHOICE = "choice"
    LINES = "lines"  # a list of strings, one a line
    PARAGRAPH = "paragraph"  # text of several lines


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A setting only one plug-in has. `name` is its key in the stored JSON and in `channel_config`.

    `auths`: the ways of signing in it is asked for with; empty for all of them.
    """

    name: str
    label: str
    kind: Kind = Kind.TEXT
    help: str = ""
    default: Any = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    auths: tuple[str, ...] = ()


def asked_for(specs: Iterable[FieldSpec], auth: str) -> tuple[FieldSpec, ...]:
    """Those that matter with this way of signing in."""
    return tuple(spec for spec in specs if not spec.auths or auth in spec.auths)


def with_defaults(specs: Iterable[FieldSpec], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored values on top of the defaults; left empty means the default; keys no spec knows are dropped."""
    return {s.name: s.default if stored.get(s.name) in (None, "") else stored[s.name] for s in specs}
