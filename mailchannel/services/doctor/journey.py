"""Goes along while somebody connects: says each step, and after the first failure which ones were not made."""

from __future__ import annotations

from collections.abc import Sequence

from mailchannel.network.sights import Sight, Step
from mailchannel.services.doctor.findings import Finding, Level, Report


class Journey:
    """The way into one server. `field_prefix` belongs to the names of the form's fields."""

    def __init__(self, part: str, way: Sequence[str], say: Report, *, field_prefix: str = "") -> None:
        self._part = part
        self._left = list(way)
        self._say = say
        self._field_prefix = field_prefix

    def see(self, sight: Sight) -> None:
        self.say(Level.WARN if sight.worry else Level.OK, sight.step, sight.text, sight.worry, sight.field)

    def say(self, level: Level, step: str, text: str, advice: str = "", field: str = "") -> None:
        self._reached(step)
        self._say(Finding(level, text, advice, f"{self._field_prefix}{field}" if field else "", self._part, step))

    def failed_at(self, field: str) -> str:
        """The step that was next; a certificate is refused before the line it belongs to is told of."""
        if field == "encryption" and Step.TLS in self._left:
            return Step.TLS
        return self._left[0] if self._left else ""

    def fail(self, text: str, advice: str = "", field: str = "") -> None:
        self.say(Level.BAD, self.failed_at(field), text, advice, field)
        if self._left:
            self._say(Finding(Level.SKIPPED, f"Not tried: {', '.join(self._left).lower()}.", part=self._part))

    def _reached(self, step: str) -> None:
        if step in self._left:
            del self._left[: self._left.index(step) + 1]
