"""Who did what to the mail channel: lines nobody can change, shown as the admin's history of the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.contenttypes.models import ContentType
from django.db import models

from mailchannel.kernel.specs import FieldSpec, Kind

Person = User | AbstractBaseUser

#: Stands for whoever is nobody. Nobody can sign in as it, and no form would take a name with a space.
NO_PERSON: Final = "command or worker"


#: Characters of one value in a history line.
LONGEST: Final = 200


def record(thing: models.Model, *, by: Person | None, message: str, added: bool = False) -> None:
    """`by` None: a command on the machine, or the worker. Messages never contain secrets."""
    _write(type(thing), by, message, flag=ADDITION if added else CHANGE, key=str(thing.pk), name=str(thing)[:200])


def record_about(model: type[models.Model], *, by: Person | None, message: str) -> None:
    """What concerns many rows at once, such as a list that was downloaded."""
    _write(model, by, message, flag=CHANGE, key="", name=str(model._meta.verbose_name_plural))


def listed(changes: Iterable[str]) -> str:
    """Several changes in one message, one a line."""
    return ";\n".join(changes)


def differences(specs: Iterable[FieldSpec], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`largest mail (bytes): 10 → 20` for every setting that differs; of a secret only that it does."""
    return [
        f"{spec.label.lower()}: changed"
        if spec.kind is Kind.SECRET
        else f"{spec.label.lower()}: {brief(before.get(spec.name))} → {brief(after.get(spec.name))}"
        for spec in specs
        if _plain(before.get(spec.name)) != _plain(after.get(spec.name))
    ]


def brief(value: Any) -> str:
    """A setting in a sentence."""
    plain = _plain(value)
    text = ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
    text = {"": "nothing", "None": "nothing", "True": "yes", "False": "no"}.get(text, text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else "" if value is None else value


def _write(model: type[models.Model], by: Person | None, message: str, *, flag: int, key: str, name: str) -> None:
    LogEntry.objects.create(
        user_id=by.pk if by else _no_person(),
        content_type=ContentType.objects.get_for_model(model),
        object_id=key,
        object_repr=name,
        action_flag=flag,
        change_message=message,
    )


def _no_person() -> int:
    """A history line needs somebody; this account is inactive and has no password."""
    people = get_user_model()._default_manager
    found = people.filter(username=NO_PERSON).values_list("pk", flat=True).first()
    if found is None:
        person, _ = people.get_or_create(username=NO_PERSON, defaults={"is_active": False, "password": "!"})
        found = person.pk
    return int(found)
