"""Goes along while somebody connects: says each step, and after the first failure which ones were not made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailchannel.network.sights import Sight, Step
from mailchannel.services.doctor.findings import Finding, Level, Report
from mailchannel.services.vault import ON_THE_WAY

STEP_OF_FIELD: Final = {"encryption": Step.TLS, "mailbox": Step.MAILBOX, "impersonate": Step.MAILBOX}


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
        of_both_ways = field in ON_THE_WAY
        where = f"{self._field_prefix}{field}" if field and not of_both_ways else field
        self._say(Finding(level, text, advice, where, self._part, step))

    def failed_at(self, field: str) -> str:
        """The step that was next, or the one the field belongs to: a certificate is refused before the line it belongs
        to is told of, and a mailbox that cannot be one is never asked for.
        """
        step = STEP_OF_FIELD.get(field)
        if step in self._left:
            return step
        return self._left[0] if self._left else ""

    def fail(self, text: str, advice: str = "", field: str = "") -> None:
        self.say(Level.BAD, self.failed_at(field), text, advice, field)
        if self._left:
            self._say(Finding(Level.SKIPPED, f"Not tried: {', '.join(self._left).lower()}.", part=self._part))

    def _reached(self, step: str) -> None:
        if step in self._left:
            del self._left[: self._left.index(step) + 1]
