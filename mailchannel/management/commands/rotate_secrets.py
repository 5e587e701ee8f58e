"""Everything stored encrypted under the newest key, so that the older ones can be taken out of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management import BaseCommand, CommandError
from django.db import models, transaction
from django.db.models.functions import Length

from mailchannel.models.secrets import EncryptedTextField, SecretsField, SecretUnreadable


class Command(BaseCommand):
    help = "Encrypts everything stored encrypted again, with the first of FIELD_ENCRYPTION_KEYS. All or nothing."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for model, column in encrypted_columns():
            count = sum(_renew(model, column, pk) for pk in _filled(model, column))
            self.stdout.write(f"{model._meta.verbose_name}, {column}: {count} encrypted with the newest key.")


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Of every model there is, so that nobody has to remember a new one."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, SecretsField | EncryptedTextField):
                yield model, field.name


def _filled(model: type[models.Model], column: str) -> list[Any]:
    """Drafts hold secrets as well. The keys only: logs are long, and one that no key opens must not end the list."""
    rows = model._base_manager.annotate(written=Length(column)).filter(written__gt=0)
    return list(rows.values_list("pk", flat=True))


def _renew(model: type[models.Model], column: str, pk: Any) -> int:
    """How many were: none that is gone by now. Its lock is held, as a refresh token may be renewed meanwhile."""
    rows = model._base_manager.filter(pk=pk)
    try:
        with transaction.atomic():  # what fails within can still be named
            row = rows.select_for_update().only(column).first()
            return rows.update(**{column: getattr(row, column)}) if row else 0
    except SecretUnreadable as error:
        named = rows.defer(column).first()
        raise CommandError(f"{model._meta.verbose_name} “{named}”: {error} Nothing was changed.") from error
