"""The rows of the mapping tables: one ticket field, what fills it, what counts otherwise, and who may see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django import forms

from mailchannel.admin.step import Step
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FieldMapping
from mailchannel.services.validation import default_value
from tickets.api import BUILT_IN_KEYS, TicketField

#: What nearly everybody wants; proposed as long as nothing is stored.
PRESET = {
    "title": "subject",
    "description": "body",
    "requester": "sender",
    "priority": "importance",
    "attachments": "attachments",
}
NOT_FILLED = "— not from the mail"
PARTS = ("property", "default", "restricted")
#: What the button of a row says to the server, followed by the field's key.
REMOVE = "remove:"


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket field in the table. `remove` is what its button sends; empty: it has none."""

    field: TicketField
    property: forms.BoundField
    default: forms.BoundField | None
    restricted: forms.BoundField | None
    remove: str = ""


@dataclass(frozen=True, slots=True)
class OptionalRows:
    """Fields the template does not require: those in the table, those that can be added, those just taken out."""

    shown: Sequence[TicketField]
    hidden: Sequence[TicketField]
    taken_out: Sequence[TicketField]

    @classmethod
    def of(
        cls, fields: Sequence[TicketField], stored: Mapping[str, FieldMapping], typed: Mapping[str, Any] | None
    ) -> Self:
        """`typed` is what a form sent: a row that is not in it was taken out. None: what is stored is shown."""
        optional = [field for field in fields if not field.required and field.key not in BUILT_IN_KEYS]
        sent = {field.key for field in optional if any(f"map-{field.key}-{part}" in (typed or ()) for part in PARTS)}
        keys = set(stored) if typed is None else sent
        return cls(
            shown=[field for field in optional if field.key in keys],
            hidden=[field for field in optional if field.key not in keys],
            taken_out=[field for field in optional if field.key in stored and field.key not in keys],
        )


def with_buttons(typed: Any) -> Any:
    """The copy of what was typed, after the button that adds a row or the one that removes or empties a row."""
    if added := typed.get("add_field"):
        typed["add_field"] = ""
        typed[f"map-{added}-property"] = typed.get(f"map-{added}-property", "")
    pressed = str(typed.get("_refresh", ""))
    if pressed.startswith(REMOVE):
        for part in PARTS:
            typed.pop(f"map-{pressed.removeprefix(REMOVE)}-{part}", None)
    return typed


def add_row(form: Step, field: TicketField, stored: FieldMapping | None, *, fresh: bool) -> None:
    """Gives the form the inputs of one row. `fresh`: nothing is stored yet, so proposals are made.

    The table has no label elements: each input says its own name to a screen reader.
    """
    for name, box in _inputs(field, stored, fresh=fresh):
        box.widget.attrs["aria-label"] = str(box.label)
        form.fields[name] = box


def _inputs(field: TicketField, stored: FieldMapping | None, *, fresh: bool) -> Iterator[tuple[str, forms.Field]]:
    name = f"map-{field.key}"
    preset = PRESET.get(field.key, "") if fresh else ""
    source = forms.ChoiceField(
        label=f"{field.label}: filled from",
        choices=_choices(field),
        required=False,
        initial=stored.property if stored else preset,
    )
    yield f"{name}-property", source
    if field.kind == "attachments" or field.key == "requester":
        return
    yield f"{name}-default", _default_field(field, stored.default if stored else "")
    if field.key not in BUILT_IN_KEYS:
        restricted = stored.restricted if stored else False
        box = forms.BooleanField(label=f"{field.label}: restricted", required=False, initial=restricted)
        yield f"{name}-restricted", box


def row_of(form: Step, field: TicketField) -> Row:
    name = f"map-{field.key}"
    default, restricted = (form[key] if (key := f"{name}-{part}") in form.fields else None for part in PARTS[1:])
    remove = "" if field.key in BUILT_IN_KEYS else f"{REMOVE}{field.key}"
    return Row(field, form[f"{name}-property"], default, restricted, remove)


def cleaned_mapping(form: Step, field: TicketField) -> None:
    """A default has to fit its field; a required field has to be filled by something."""
    name = f"map-{field.key}"
    form.check_with(f"{name}-default", lambda text: default_value(field.kind, field.choices, text))
    filled = form.cleaned_data.get(f"{name}-property") or form.cleaned_data.get(f"{name}-default")
    broken = f"{name}-property" in form.errors or f"{name}-default" in form.errors
    if field.required and form.complete and not filled and not broken:
        form.add_error(f"{name}-property", f"{field.label} is required: choose what fills it, or give a default value.")


def _choices(field: TicketField) -> Sequence[tuple[str, str]]:
    """Files fill only the attachments; who asks is always the sender, because anybody can write anything elsewhere."""
    labels = {each.name: each.label for each in PROPERTIES.values()}
    if field.key == "requester":
        return [("sender", labels["sender"])]
    if field.kind == "attachments":
        return [("attachments", labels["attachments"]), ("", "— leave them out")]
    return [("", NOT_FILLED), *((name, label) for name, label in labels.items() if name != "attachments")]


def _default_field(field: TicketField, value: str) -> forms.Field:
    label = f"{field.label}: otherwise"
    choices = {"choice": field.choices, "boolean": ("yes", "no")}.get(field.kind)
    if choices:
        options = [("", "—"), *((choice, choice) for choice in choices)]
        return forms.ChoiceField(label=label, choices=options, required=False, initial=value)
    kind = {"number": "number", "date": "date", "email": "email"}.get(field.kind, "text")
    widget = forms.TextInput(attrs={"type": kind} | ({"step": "any"} if kind == "number" else {}))
    return forms.CharField(label=label, required=False, initial=value, max_length=500, widget=widget)
