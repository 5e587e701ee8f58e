"""What a test is given, and the lines it answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mailchannel.network.way import Way


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    SKIPPED = "skipped"

    @property
    def mark(self) -> str:
        return {"ok": "✓", "warn": "!", "bad": "✕", "skipped": "–"}[self.value]

    @property
    def word(self) -> str:
        """The mark, for a screen reader."""
        return {"ok": "Good", "warn": "Note", "bad": "Problem", "skipped": "Left out"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result. `field` names the form field to look at, `advice` says what to do; `part` and `step` are
    the headings it stands under."""

    level: Level
    text: str
    advice: str = ""
    field: str = ""
    part: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings as they stand in the form. Secrets are in `connection` and `sending`, so it has no repr of them."""

    protocol: str
    connection: Mapping[str, Any] = field(repr=False)
    way: Way
    sending_protocol: str
    sending: Mapping[str, Any] = field(repr=False)
    sending_way: Way
    sources: Sequence[str] = ()
    targets: Sequence[str] = ()
    deletes: bool = False  # mail that is done with
    since: datetime | None = None

    def within(self, seconds: float) -> Self:
        """The same, with so much patience at most."""
        return replace(self, way=self.way.within(seconds), sending_way=self.sending_way.within(seconds))


Report = Callable[[Finding], None]


def as_text(findings: Sequence[Finding]) -> str:
    """For a letter to whoever runs the mail server. Findings never hold a secret."""
    lines: list[str] = []
    part = ""
    for each in findings:
        if each.part != part:
            part = each.part
            lines += ["", part] if lines else [part]
        step = f"{each.step}: " if each.step else ""
        lines.append(f"{each.level.mark} {step}{each.text}")
        if each.advice:
            lines.append(f"    → {each.advice}")
    return "\n".join(lines)
