"""When the sender says the mail was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from mailchannel.parsing.words import readable

LONGEST = 200
EARLIEST, LATEST = 1900, 9998  # beyond them lies nonsense, and dates that no other time zone can express


def read_date(value: bytes) -> datetime | None:
    """Aware, or None. The claim decides nothing: what counts is when the server took the mail in."""
    try:
        found = parsedate_tz(readable(value[:LONGEST]))
        if found is None:
            return None
        zone = UTC if not found[9] else timezone(timedelta(seconds=found[9]))
        when = datetime(*found[:6], tzinfo=zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if EARLIEST <= when.year <= LATEST else None
