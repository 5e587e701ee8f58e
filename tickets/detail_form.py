"""The form in which agents change what a ticket is about."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from tickets.details import PLACES, Change, Reader, changeable
from tickets.models import FieldKind, TemplateField, Ticket

PREFIX: Final = "own-"
_LARGEST: Final = 10**15  # beyond it a number loses digits
_LONGEST: Final = {FieldKind.TEXT: 255, FieldKind.PARAGRAPH: 20_000, FieldKind.EMAIL: 320}


class DetailForm(forms.Form):
    """Remembers what the page showed: only what this agent changed is written, whatever a colleague did meanwhile."""

    use_required_attribute = False

    def __init__(self, data: Any = None, *, ticket: Ticket, who: Reader) -> None:
        super().__init__(data, label_suffix="")
        for name, model in PLACES.items():
            if names := list(model._default_manager.values_list("pk", "name")):
                options = [("", "—"), *names]
                place = forms.TypedChoiceField(
                    label=name.capitalize(), required=False, choices=options, coerce=int, empty_value=None
                )
                self._add(name, place, getattr(ticket, f"{name}_id"))
        self.own = [field for field in changeable(ticket, who) if not _too_long(ticket.fields.get(field.key))]
        for field in self.own:
            value = ticket.fields.get(field.key)
            self._add(PREFIX + field.key, _input(field, value), value)

    def change(self) -> Change:
        """Of a valid form."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        own = {field.key: (field.kind, PREFIX + field.key) for field in self.own}
        return Change(
            places={name: value for name, value in changed.items() if name in PLACES},
            fields={key: _stored(kind, changed[name]) for key, (kind, name) in own.items() if name in changed},
        )

    def _add(self, name: str, field: forms.Field, value: Any) -> None:
        field.initial, field.show_hidden_initial = value, True
        self.fields[name] = field


def _too_long(value: Any) -> bool:
    """A whole mail may fill a field; such a value is read, not edited."""
    return isinstance(value, str) and len(value) > _LONGEST[FieldKind.PARAGRAPH]


def _input(field: TemplateField, value: Any) -> forms.Field:
    """A required field that has a value may not be emptied; one that is empty may stay so."""
    plain: dict[str, Any] = {"label": field.label, "required": field.required and value not in (None, "")}
    match field.kind:
        case FieldKind.NUMBER:
            return forms.FloatField(**plain, min_value=-_LARGEST, max_value=_LARGEST)
        case FieldKind.DATE:
            return forms.DateField(**plain, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
        case FieldKind.BOOLEAN:
            options = [("", "—"), ("True", "Yes"), ("False", "No")]
            return forms.TypedChoiceField(**plain, choices=options, coerce=_is_yes, empty_value=None)
        case FieldKind.CHOICE:
            return forms.ChoiceField(**plain, choices=[("", "—"), *_choices(field, value)])
        case FieldKind.EMAIL:
            return forms.EmailField(**plain, max_length=_LONGEST[FieldKind.EMAIL])
        case FieldKind.PARAGRAPH:
            box = forms.Textarea(attrs={"rows": 3})
            return forms.CharField(**plain, widget=box, max_length=_LONGEST[FieldKind.PARAGRAPH])
        case _:
            return forms.CharField(**plain, max_length=_LONGEST[FieldKind.TEXT])


def _is_yes(typed: str) -> bool:
    return typed == "True"


def _choices(field: TemplateField, value: Any) -> list[tuple[str, str]]:
    """A value the template offers no more may stay."""
    choices = [*field.choices, *([value] if value and value not in field.choices else [])]
    return [(choice, choice) for choice in choices]


def _stored(kind: str, value: Any) -> Any:
    """As mail fills it: dates as ISO text, whole numbers as such, nothing as None."""
    if value in (None, ""):
        return None
    if kind == FieldKind.DATE:
        return value.isoformat()
    if kind == FieldKind.NUMBER:
        return int(value) if float(value).is_integer() else value
    if kind == FieldKind.PARAGRAPH:
        return "\n".join(value.splitlines())  # browsers send other line ends
    return value.lower() if kind == FieldKind.EMAIL else value
