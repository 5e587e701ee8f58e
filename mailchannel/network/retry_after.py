"""For how long a web server wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from requests import Response


def retry_after(answer: Response) -> float | None:
    """Seconds, said in either of two forms (RFC 9110, 10.2.3); None when it does not say, or nothing we can read."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isdecimal() and len(said) < 10:
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
