"""Fixtures shared by every kind of test."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import TransactionTestCase
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


def empty_the_tables(case: TransactionTestCase) -> None:
    """After a test with transactions of its own, in place of Django's flush: that goes through every table, and creates
    all content types and permissions anew, which takes longer than most of the tests.
    """
    models = set(apps.get_models(include_auto_created=True)) - {ContentType, Permission}
    tables = [connection.ops.quote_name(model._meta.db_table) for model in models if model._meta.managed]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables))
        for (table,) in cursor.fetchall():  # in any order: foreign keys are checked at the end of the transaction
            cursor.execute(f"DELETE FROM {table}")


TransactionTestCase._fixture_teardown = empty_the_tables


def mind_locks_outside_transactions() -> None:
    """PostgreSQL refuses to lock rows outside a transaction, SQLite forgives it: here it refuses, too."""
    for what in ("", "_of", "_nowait", "_skip_locked"):
        setattr(DatabaseWrapper.features_class, f"has_select_for_update{what}", True)
    DatabaseWrapper.ops_class.for_update_sql = lambda *_, **__: ""


mind_locks_outside_transactions()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in production: other processes and threads see it, and its locks are the real ones."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(Path(tmp_path_factory.mktemp("database")) / "test.sqlite3")
