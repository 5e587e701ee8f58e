"""What servers say when they refuse, what it means, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from mailchannel.services.doctor.remedies.mail import MAIL
from mailchannel.services.doctor.remedies.remedy import Remedy
from mailchannel.services.doctor.remedies.sign_in import SIGN_IN
from mailchannel.services.doctor.remedies.way import WAY
from mailchannel.services.doctor.remedies.web import WEB

#: The first one that fits is told, so those that say more stand before those that say less.
REMEDIES: Final = (*WAY, *WEB, *SIGN_IN, *MAIL)
LONGEST = 1_000  # characters that are looked at

_PATTERNS: Final = [(re.compile("|".join(each.said), re.IGNORECASE), each) for each in REMEDIES]


def remedy(words: str) -> Remedy | None:
    """For what a server said, or for what we say about it."""
    seen = words[:LONGEST]
    return next((each for pattern, each in _PATTERNS if pattern.search(seen)), None)
