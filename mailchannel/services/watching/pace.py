"""How often the watcher does what. Seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`renew`: RFC 2177 asks for less than half an hour; many routers forget a silent line after ten minutes."""

    renew: float = 9 * 60
    look: float = 2.0  # at the list of mail servers
    answer: float = 30.0  # what a server may take to agree
    steady: float = 60.0  # a line that lived so long was a good one
    longest: float = 5 * 60  # between two attempts
    hopeless: float = 15 * 60  # where trying again can hardly help; doubled each time
    most_hopeless: float = 6 * 3600

    def next_renewal(self) -> float:
        """A little apart, so that a thousand lines are not renewed in the same second."""
        return self.renew * random.uniform(0.85, 1)  # noqa: S311 - no secret

    def pause(self, failures: int, *, hopeless: bool) -> float:
        """Before the next attempt after so many failures in a row, the first of which is number 1."""
        doubled = 2.0 ** min(failures - 1, 20)
        pause = min(self.hopeless * doubled, self.most_hopeless) if hopeless else min(doubled, self.longest)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
