"""How a setting that a plug-in declares becomes a form field: the only module that knows both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mailchannel.kernel.specs import FieldSpec, Kind

STORED = "•••••••• stored, leave empty to keep"


class LinesField(forms.CharField):
    """One entry a line; pasted lists with commas or semicolons are taken apart unless entries may contain them."""

    widget = forms.Textarea

    def __init__(
        self,
        *,
        check: Callable[[list[str]], list[str]] | None = None,
        commas: bool = False,
        rows: int = 3,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.check = check
        self.separators = "\n,;" if commas else "\n"
        self.widget.attrs["rows"] = rows

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        text = self.prepare_value(value) or ""
        for separator in self.separators:
            text = text.replace(separator, "\n")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def clean(self, value: Any) -> Any:
        lines = super().clean(value)
        return self.check(lines) if self.check else lines

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and list(self.to_python(initial)) != self.to_python(data)


class UnlessField(forms.BooleanField):
    """A tick for not doing what is done by default: the value is the opposite of the tick."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        return not value if isinstance(value, bool) else value

    def bound_data(self, data: Any, initial: Any) -> Any:
        return not data

    def clean(self, value: Any) -> bool:
        return not super().clean(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and bool(initial) is not self.clean(data)

    def said(self, value: Any) -> bool:
        """As the label has it, for the history."""
        return not value


class ParagraphField(forms.CharField):
    """Text of several lines, with the line ends it is stored with: browsers send others."""

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(initial, self.to_python(data))


class SuggestingInput(forms.TextInput):
    """Free text, with some values to choose from."""

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false"})
        self.choices = choices

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        offered = f"{name}-offered"
        shown = super().render(name, value, {**(attrs or {}), "list": offered}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.choices)
        return format_html('{}<datalist id="{}">{}</datalist>', shown, offered, options)


@dataclass(frozen=True, slots=True)
class Removal:
    """Of a stored secret, for which somebody has ticked a box. `typed`: what stands beside the tick."""

    typed: str = field(repr=False)


class SecretInput(forms.PasswordInput):
    """Never shows what is stored. `hx-preserve`: swapping fields around it does not lose what was just typed."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "hx-preserve": "true"}, render_value=False)
        self.removable = False

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        typed = super().value_from_datadict(data, files, name)
        return Removal(typed or "") if self.removable and f"{name}-remove" in data else typed

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        shown = super().render(name, value, attrs, renderer)
        if not self.removable:
            return shown
        box = {"checked": isinstance(value, Removal), "disabled": bool((attrs or {}).get("disabled"))}
        return format_html(
            '{}<label class="switch removal"><input type="checkbox" name="{}-remove"{}> Remove the stored one</label>',
            shown,
            name,
            flatatt(box),
        )


class SecretField(forms.CharField):
    """Write-only: left empty it means "keep what is stored". `removable`: its value may be a Removal, too."""

    widget = SecretInput

    def __init__(self, *, stored: bool, removable: bool = False, **options: Any) -> None:
        super().__init__(**{**options, "strip": False, "initial": None})
        self.stored = stored
        self.required = bool(options.get("required")) and not stored
        self.widget.removable = stored and removable
        if stored:
            self.widget.attrs["placeholder"] = STORED

    def clean(self, value: Any) -> Any:
        if not isinstance(value, Removal):
            return super().clean(value)
        if value.typed:
            raise ValidationError("Type a new one or have the stored one removed, not both.")
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


def form_field(spec: FieldSpec, value: Any, *, stored_secret: bool = False) -> forms.Field:
    """`value` is what the field shows at first; for a secret only whether one is stored matters."""
    common: dict[str, Any] = {"label": spec.label, "help_text": spec.help, "required": spec.required, "initial": value}
    return _MAKERS[spec.kind](spec, common, stored_secret)


def inheriting_field(spec: FieldSpec, own: Any, common: Any) -> forms.Field:
    """A setting a mail server may leave to the system: `own` is its value or None, `common` what counts without one."""
    plain: dict[str, Any] = {"label": spec.label, "help_text": spec.help, "required": False, "initial": own}
    if spec.kind is Kind.SWITCH:
        plain["initial"] = "" if own is None else str(own)
        return forms.TypedChoiceField(
            choices=[("", _left("yes" if common else "no")), ("True", "Yes"), ("False", "No")],
            coerce=lambda typed: typed == "True",
            empty_value=None,
            **plain,
        )
    if spec.kind is Kind.CHOICE:
        return forms.ChoiceField(choices=[("", _left(dict(spec.choices)[common])), *spec.choices], **plain)
    listed = "" if isinstance(common, list | tuple) else f" ({common})"
    plain["help_text"] = f"{spec.help} Left empty: as the system defaults say{listed}."
    return _MAKERS[spec.kind](spec, plain, False)


def _left(shown: str) -> str:
    return f"As the system defaults say ({shown[:1].lower()}{shown[1:]})"


def _text(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    field = forms.CharField(max_length=500, validators=[_no_control_characters], **common)
    if spec.choices:
        field.widget = SuggestingInput(spec.choices)
    return field


def _paragraph(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    widget = forms.Textarea(attrs={"rows": 6})
    return ParagraphField(max_length=5_000, widget=widget, validators=[_no_unseen_characters], **common)


def _secret(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    return SecretField(stored=stored, removable=not spec.required, max_length=10_000, **common)


def _integer(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    return forms.IntegerField(min_value=spec.minimum, max_value=spec.maximum, **common)


def _switch(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    return forms.BooleanField(**{**common, "required": False})


def _choice(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    return forms.ChoiceField(choices=spec.choices, **common)


def _lines(spec: FieldSpec, common: dict[str, Any], stored: bool) -> forms.Field:
    return LinesField(**common)


_MAKERS: Mapping[Kind, Callable[[FieldSpec, dict[str, Any], bool], forms.Field]] = {
    Kind.TEXT: _text,
    Kind.PARAGRAPH: _paragraph,
    Kind.SECRET: _secret,
    Kind.INTEGER: _integer,
    Kind.SWITCH: _switch,
    Kind.CHOICE: _choice,
    Kind.LINES: _lines,
}


def _no_control_characters(value: str) -> None:
    if _has_unseen(value):
        raise ValidationError("Remove the invisible characters (line breaks, tabs) from this value.")


def _no_unseen_characters(value: str) -> None:
    if _has_unseen(value.replace("\n", "").replace("\t", "")):
        raise ValidationError("Remove the invisible characters other than line breaks and tabs from this text.")


def _has_unseen(value: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in value)
