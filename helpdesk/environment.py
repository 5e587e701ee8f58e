"""Reads the environment. Left empty means the default; a wrong value stops the start with a sentence.

Values that may hold a password are never repeated in that sentence.
"""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

LARGEST_AMOUNT = 10**12
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name).lower()
    if value and value not in YES + NO:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in YES if value else default


def number(name: str, default: int, *, minimum: int, maximum: int = LARGEST_AMOUNT) -> int:
    value = text(name, str(default))
    if not value.isdecimal() or len(value) > len(str(LARGEST_AMOUNT)) or not minimum <= int(value) <= maximum:
        span = f"of at least {minimum}" if maximum == LARGEST_AMOUNT else f"from {minimum} to {maximum}"
        raise ImproperlyConfigured(f"{name} must be a whole number {span}, not {value!r}.")
    return int(value)


def amounts(name: str, defaults: Mapping[str, int], *, largest: Mapping[str, int]) -> dict[str, int]:
    """`parts=500,depth=20`: each stands in for the default of that name."""
    pairs = (each.partition("=") for each in words(name))
    given = [(key.strip(), value.strip()) for key, _, value in pairs]
    return {**defaults, **{key: _amount(name, key, value, defaults, largest) for key, value in given}}


def _amount(name: str, key: str, value: str, known: Iterable[str], largest: Mapping[str, int]) -> int:
    if key not in known:
        raise ImproperlyConfigured(f"{name} knows no limit called {key!r}; it knows {', '.join(known)}.")
    most = largest.get(key, LARGEST_AMOUNT)
    if not value.isdecimal() or len(value) > len(str(LARGEST_AMOUNT)) or not 1 <= int(value) <= most:
        raise ImproperlyConfigured(f"{name}: {key} must be a whole number from 1 to {most}, not {value!r}.")
    return int(value)


def words(name: str, default: Sequence[str] = ()) -> list[str]:
    """Comma separated."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or list(default)


def choice(name: str, choices: Sequence[str], default: str) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    if value not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(f"{name} must be a time zone such as UTC or Europe/Lisbon, not {value!r}.")
    return value


def directory(name: str, default: Path) -> Path:
    """Created if missing."""
    path = Path(text(name, str(default))).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ImproperlyConfigured(f"{name}: {path} cannot be used: {problem.strerror}.") from None
    return path


def web_address(name: str, default: str) -> str:
    """Without the slash at its end."""
    value = text(name, default).rstrip("/")
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc:
        raise ImproperlyConfigured(f"{name} must look like https://helpdesk.example.com, not {value!r}.")
    return value


def database(name: str, default: str) -> dict[str, Any]:
    form = f"{name} must look like postgres://user:password@host:5432/name or sqlite:////path/to/file."
    try:
        parsed: dict[str, Any] = environ.Env.db_url_config(text(name, default))
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(form) from None
    if parsed.get("ENGINE", "").rpartition(".")[2] not in ("sqlite3", "postgresql"):
        raise ImproperlyConfigured(form)
    return parsed


def redis(name: str) -> str:
    value = text(name)
    if value and urlsplit(value).scheme not in ("redis", "rediss"):
        raise ImproperlyConfigured(f"{name} must look like redis://host:6379/0.")
    return value


def mail(name: str, default: str) -> dict[str, Any]:
    """Django's EMAIL_* settings."""
    try:
        parsed: dict[str, Any] = environ.Env.email_url_config(text(name, default))
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(
            f"{name} must look like smtp+tls://user:password@host:587, or be consolemail://."
        ) from None
    return parsed
