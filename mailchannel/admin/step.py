"""What every step of the wizard is: a form over some columns of one mail server, and over settings of its plug-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.utils import ErrorDict
from django.utils import timezone

from mailchannel.admin.fields import LinesField, Removal, SecretField, UnlessField, form_field, inheriting_field
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import audit, validation

if TYPE_CHECKING:
    Form = forms.ModelForm[MailServer]  # a type argument the class does not take at run time
else:
    Form = forms.ModelForm


def refresh(name: str = "1") -> dict[str, str]:
    """Attributes of a select whose choice decides which fields follow; `name` tells which one was changed."""
    return {
        "hx-post": "",
        "hx-vals": json.dumps({"_refresh": name}),
        "hx-include": "#step",
        "hx-target": "#step",
        "hx-select": "#step",
        "hx-swap": "outerHTML",
    }


@dataclass(frozen=True, slots=True)
class Group:
    """Settings of one plug-in: kept by name in one JSON column, shown as fields with a prefix.

    With `common` a mail server may leave each of them to the system, whose value is given here by name.
    """

    prefix: str
    column: str
    specs: tuple[FieldSpec, ...]
    vault: str = ""  # in front of the names of its secrets in the encrypted column
    common: Mapping[str, Any] | None = None

    def name(self, spec: FieldSpec) -> str:
        return self.prefix + spec.name

    def values(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """What the fields show at first; None where the mail server leaves a setting to the system."""
        if self.common is None:
            return with_defaults(self.specs, stored)
        return {spec.name: stored.get(spec.name) for spec in self.specs}


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading."""

    heading: str
    fields: Sequence[forms.BoundField]
    text: str = ""
    partial: str = ""  # a template with more of it
    rare: Sequence[forms.BoundField] = ()  # shown when asked for

    @property
    def rare_matters(self) -> bool:
        return any(field.errors or field.value() not in (None, "", []) for field in self.rare)


class Step(Form):
    """`complete` False saves a draft: what is there must be right, but it may be unfinished."""

    slug: ClassVar[str]
    title: ClassVar[str]
    refreshing: ClassVar[tuple[str, ...]] = ()  # fields whose choice decides which fields follow
    do_not_call_in_templates: ClassVar[bool] = True  # templates list the classes

    class Meta:
        model = MailServer
        fields: tuple[str, ...] = ()

    use_required_attribute = False  # the browser would keep a draft from being saved

    def __init__(self, *args: Any, complete: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.complete = complete
        self.before = {g.column: g.values(getattr(self.instance, g.column)) for g in self.groups()}
        for group in self.groups():
            self._add_group(group)
        self.build()
        for name, field in self.fields.items():
            self._describe(name, field)
        self.must = {name for name, field in self.fields.items() if field.required}
        if not complete:
            for name in self.must - {"name"}:
                self.fields[name].required = False

    def groups(self) -> Sequence[Group]:
        return ()

    def build(self) -> None:
        """Adds what only this step has."""

    def sections(self) -> Iterator[Section]:
        raise NotImplementedError

    def save_rows(self) -> None:
        """Writes the rows that hang on the mail server."""

    def unjudged(self) -> Self:
        """Shows what was typed without an opinion about it yet."""
        self._errors = ErrorDict()
        return self

    def save(self, commit: bool = True) -> MailServer:
        """Only this step's columns: the worker and the other steps own the rest."""
        server = self.instance
        columns = [*self._own_columns(), *self.store_groups(server)]
        if server.pk is None:
            server.save()
        else:
            server.save(update_fields=columns)
        self.save_rows()
        return server

    def changes(self) -> list[str]:
        """What was changed, for the history. A secret is named, never shown."""
        return [self._change(name) for name in self.changed_data]

    def store_groups(self, server: MailServer) -> list[str]:
        """Puts what was typed into the JSON columns and returns their names; saves nothing."""
        for group in self.groups():
            setattr(server, group.column, self.collected(group))
        columns = [group.column for group in self.groups()]
        if any(spec.kind is Kind.SECRET for group in self.groups() for spec in group.specs):
            secrets = self.secrets()
            if secrets != server.secrets:
                server.secrets_set_at = timezone.now()
            server.secrets = secrets
            columns += ["secrets", "secrets_set_at"]
        return columns

    def collected(self, group: Group) -> dict[str, Any]:
        """The group's settings as typed, without secrets."""
        specs = (spec for spec in group.specs if spec.kind is not Kind.SECRET)
        typed = {spec.name: self.cleaned_data.get(group.name(spec)) for spec in specs}
        if group.common is None:
            return typed
        return {name: value for name, value in typed.items() if value not in (None, "", [])}

    def secrets(self) -> Secrets:
        """What is stored, and on top of it what was just typed; without what is to be removed."""
        typed = {
            group.vault + spec.name: self.cleaned_data.get(group.name(spec))
            for group in self.groups()
            for spec in group.specs
            if spec.kind is Kind.SECRET
        }
        found = {**self.instance.secrets, **{name: value for name, value in typed.items() if value}}
        return Secrets({name: value for name, value in found.items() if not isinstance(value, Removal)})

    def check_lines(self, prefix: str, checks: Mapping[str, Callable[[str], str]]) -> None:
        """Gives each list among the fields of a group the check its lines have to pass."""
        for name, check in checks.items():
            field = self.fields.get(prefix + name)
            if isinstance(field, LinesField):
                field.check = partial(validation.each, check)

    def check_with(self, name: str, check: Any) -> None:
        """Replaces a cleaned value by its stored spelling, or puts the error beside its field."""
        if value := self.cleaned_data.get(name):
            try:
                self.cleaned_data[name] = check(value)
            except ValidationError as error:
                self.add_error(name, error)

    def bound(self, names: Iterable[str]) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    def _describe(self, name: str, field: forms.Field) -> None:
        """Ties help and error to the field, the error also when it comes later without a new page."""
        help_id = f"id_{name}_helptext " if field.help_text else ""
        field.widget.attrs["aria-describedby"] = f"{help_id}id_{name}_error"
        if name in self.refreshing:
            field.widget.attrs.update(refresh(name))

    def _add_group(self, group: Group) -> None:
        values = self.before[group.column]
        for spec in group.specs:
            if group.common is not None:
                field = inheriting_field(spec, values[spec.name], group.common[spec.name])
            else:
                stored = bool(self.instance.secrets.get(group.vault + spec.name))
                field = form_field(spec, values[spec.name], stored_secret=stored)
            self.fields[group.name(spec)] = field

    def _own_columns(self) -> list[str]:
        concrete = {column.name for column in MailServer._meta.concrete_fields}
        return [name for name in self._meta.fields or () if name in concrete & self.fields.keys()]

    def _change(self, name: str) -> str:
        field = self.fields[name]
        label = (field.label or name.replace("_", " ")).lower()
        if isinstance(field, SecretField):
            return f"{label}: removed" if isinstance(self.cleaned_data[name], Removal) else f"{label} (not shown)"
        return f"{label}: {_said(field, self[name].initial)} → {_said(field, self.cleaned_data.get(name))}"


def _said(field: forms.Field, value: Any) -> str:
    if isinstance(field, UnlessField):
        value = field.said(value)
    elif isinstance(field, forms.ModelChoiceField) and field.queryset is not None and isinstance(value, int):
        value = field.queryset.filter(pk=value).first() or value
    return audit.brief(list(value) if isinstance(value, QuerySet) else value)
