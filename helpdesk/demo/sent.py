"""The directory where the demo puts the mails that would have left for customers."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path


class SentMail:
    """One .eml file per recipient; sorted by name means sorted by time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)

    def keep(self, recipient: str, raw: bytes) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        # The recipient was chosen by whoever wrote the mail, so it never becomes a path as it stands.
        person = re.sub(r"[^A-Za-z0-9@_-]", "_", recipient)[:80]
        path = self._directory / f"{moment}-{next(self._numbers):04d}-{person}.eml"
        unfinished = path.with_suffix(".tmp")
        unfinished.write_bytes(raw)
        return unfinished.rename(path)
