"""A column of secrets: encrypted at rest, never printed, never searched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    Text = models.TextField[Any, Any]  # a type argument the class does not take at run time
else:
    Text = models.TextField


class SecretUnreadable(Exception):
    """None of FIELD_ENCRYPTION_KEYS opens a stored secret: the key it was written with is missing."""


class Secrets(dict[str, str]):
    """Name → secret. Shows its names only, so that no log, trace or error page prints a value."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}=•' for name in self)})"

    __str__ = __repr__


class UnreadableSecrets(Secrets):
    """Stands for secrets no key opens: the row can be loaded and listed, but whoever uses or saves them is told."""

    def _refuse(self, *args: Any) -> Any:
        raise SecretUnreadable(
            "A stored secret cannot be decrypted: FIELD_ENCRYPTION_KEYS lacks the key it was written with."
        )

    __getitem__ = __iter__ = __len__ = __bool__ = __contains__ = _refuse
    get = keys = values = items = _refuse

    def __repr__(self) -> str:
        return "Secrets(unreadable)"

    __str__ = __repr__


class SecretsField(Text):
    """Holds `Secrets`. The newest of FIELD_ENCRYPTION_KEYS encrypts, every one decrypts."""

    def get_prep_value(self, value: Any) -> Any:
        return _box().encrypt(json.dumps(dict(value)).encode()).decode() if value else ""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secrets:
        if not value:
            return Secrets()
        try:
            return Secrets(json.loads(_box().decrypt(value.encode())))
        except InvalidToken:
            return UnreadableSecrets()

    def get_lookup(self, lookup_name: str) -> Any:
        raise TypeError(f"{self.name} is encrypted and cannot be searched")

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # dumpdata and other serialisers export nothing


class EncryptedTextField(Text):
    """Text with personal data: encrypted at rest like secrets. Raises SecretUnreadable when no key opens it."""

    def get_prep_value(self, value: Any) -> Any:
        return _box().encrypt(value.encode()).decode() if value else ""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str:
        if not value:
            return ""
        try:
            return _box().decrypt(value.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable(
                "A stored report cannot be decrypted: FIELD_ENCRYPTION_KEYS lacks the key it was written with."
            ) from None

    def get_lookup(self, lookup_name: str) -> Any:
        raise TypeError(f"{self.name} is encrypted and cannot be searched")


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])
