"""When the sender says the mail was written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from mailchannel.parsing.words import readable

LONGEST = 200
ISO = re.compile(r"\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
EARLIEST, LATEST = 1900, 9998  # beyond them lies nonsense, and dates that no other time zone can express


def read_date(value: bytes) -> datetime | None:
    """Aware, or None. The claim decides nothing: what counts is when the server took the mail in."""
    try:
        when = _date(readable(value[:LONGEST]))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if when and EARLIEST <= when.year <= LATEST else None


def _date(text: str) -> datetime | None:
    """RFC 5322, or the form of ISO 8601 that programs write who know no better."""
    if ISO.match(text):
        when = datetime.fromisoformat(text.strip())
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    found = parsedate_tz(text)
    if found is None:
        return None
    zone = UTC if not found[9] else timezone(timedelta(seconds=found[9]))
    return datetime(*found[:6], tzinfo=zone)
