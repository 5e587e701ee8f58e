"""For how long a server is left alone that asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

#: It may ask for more; then it has to say so again.
LONGEST: Final = timedelta(hours=1)


def patience(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))
