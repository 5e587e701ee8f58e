"""What a web address says, whoever typed it."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """Empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
