"""Fixtures shared by every kind of test."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from django.conf import settings
from pytest_timeout import Settings

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes a second a login

pytest_plugins = ["tests.servers.fixtures", "tests.fixtures"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """A clock of its own for what ends a test: that of the test stops for good when the test fails."""
    seconds = float(item.config.getini("timeout"))
    clock = item.config.hook
    clock.pytest_timeout_cancel_timer(item=item)
    clock.pytest_timeout_set_timer(item=item, settings=Settings(seconds, "signal", False, False))
    return (yield)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in production: other processes and threads see it, and its locks are the real ones."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(Path(tmp_path_factory.mktemp("database")) / "test.sqlite3")
