"""Who did what to the mail channel: lines nobody can change, shown as the admin's history of the row."""

from __future__ import annotations

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.contenttypes.models import ContentType
from django.db import models

Person = User | AbstractBaseUser


def record(thing: models.Model, *, by: Person | None, message: str, added: bool = False) -> None:
    """`by` None: a command on the machine, which leaves its own trace. Messages never contain secrets."""
    if by is None:
        return
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(thing),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=ADDITION if added else CHANGE,
        change_message=message,
    )
