"""Makes the first administrator and says how to sign in, today and at every later start."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

USERNAME = "admin"


def sign_in_hint(remember: Path | None = None) -> str:
    """Creates the account if there is none. `remember` keeps its password in a file: only for a demo."""
    administrator = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if administrator is None:
        return _create(remember)
    known = _remembered(administrator, remember)
    if known:
        return f"{administrator.get_username()} / {known}"
    name = administrator.get_username()
    return f"{name} (password as you set it; a new one: python manage.py changepassword {name})"


def _create(remember: Path | None) -> str:
    password = secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser(USERNAME, f"{USERNAME}@example.com", password)
    if remember is None:
        return f"{USERNAME} / {password}   (shown once: write it down)"
    remember.parent.mkdir(parents=True, exist_ok=True)
    remember.touch(mode=0o600)
    remember.write_text(password + "\n")
    return f"{USERNAME} / {password}"


def _remembered(administrator: User, remember: Path | None) -> str:
    """The kept password, if it still opens the account."""
    if remember is None or not remember.is_file():
        return ""
    password = remember.read_text().strip()
    return password if administrator.check_password(password) else ""
