"""Fourth step: which template a mail fills, and what fills each of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from mailchannel.admin.step import Group, Section, Step
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FieldMapping
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.services import file_settings
from mailchannel.services.validation import default_value
from tickets.api import BUILT_IN_KEYS, TicketField, published_templates, template_fields

#: What nearly everybody wants; proposed as long as nothing is stored.
PRESET = {
    "title": "subject",
    "description": "body",
    "requester": "sender",
    "priority": "importance",
    "attachments": "attachments",
}
LOCKED = (
    "Fixed since this mail server was first published: its tickets carry the fields of this template. "
    "Add another mail server to use another template."
)
NOT_FILLED = "— not from the mail"


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket field in the table."""

    field: TicketField
    property: forms.BoundField
    default: forms.BoundField | None
    restricted: forms.BoundField | None


class TicketStep(Step):
    slug = "ticket"
    title = "Ticket mapping"
    refreshing = "template"

    class Meta(Step.Meta):
        fields = ("template", "whitelisted_types", "attach_email")
        widgets = {"whitelisted_types": forms.CheckboxSelectMultiple}
        labels = {
            "template": "Ticket template",
            "whitelisted_types": "Answers may join tickets of these types",
            "attach_email": "Attach the complete mail to the ticket",
        }
        help_texts = {
            "whitelisted_types": "None ticked: of every type. An answer to another type is recorded, but not added.",
            "attach_email": "As an .eml file, for audits.",
        }

    def groups(self) -> Sequence[Group]:
        return (
            Group("route-", "routing", ROUTING_SPECS),
            Group("files-", "attachments", FILE_SPECS, common=file_settings.system_wide()),
        )

    def build(self) -> None:
        self._limit_templates()
        self.check_lines("files-", file_settings.CHECKS)
        self.ticket_fields = template_fields(self._template_id())
        stored = {row.field: row for row in self.instance.mappings.all()} if self.instance.pk else {}
        for field in self.ticket_fields:
            self._add_row(field, stored.get(field.key), fresh=not stored)

    def sections(self) -> Iterator[Section]:
        yield Section("Which template does a mail fill?", self.bound(("template",)))
        yield Section("What fills the ticket's fields?", (), partial="admin/mailchannel/_mapping.html")
        yield Section("Where does the ticket go?", self.bound(f"route-{spec.name}" for spec in ROUTING_SPECS))
        yield Section(
            "Which files are kept?",
            self.bound(f"files-{spec.name}" for spec in FILE_SPECS),
            "A file that is left out stays in the original mail. The mail itself becomes a ticket all the same.",
        )
        yield Section("And the rest?", self.bound(("whitelisted_types", "attach_email")))

    def tables(self) -> Iterator[tuple[str, list[Row]]]:
        own = [field for field in self.ticket_fields if field.key not in BUILT_IN_KEYS]
        kinds = (
            ("Every ticket", [field for field in self.ticket_fields if field.key in BUILT_IN_KEYS]),
            ("Required by the template", [field for field in own if field.required]),
            ("Optional", [field for field in own if not field.required]),
        )
        return ((heading, [self._row(field) for field in fields]) for heading, fields in kinds if fields)

    def clean(self) -> dict[str, Any]:
        super().clean()
        for field in self.ticket_fields:
            self._clean_row(field)
        return self.cleaned_data

    def save_rows(self) -> None:
        server = self.instance
        server.whitelisted_types.set(self.cleaned_data["whitelisted_types"])
        server.mappings.all().delete()
        rows = (self._mapping(field, position) for position, field in enumerate(self.ticket_fields))
        FieldMapping.objects.bulk_create(row for row in rows if row.property or row.default or row.restricted)

    def _template_id(self) -> int | None:
        """The template the rows are for: the one just chosen, saved or not."""
        typed = self.data.get(self.add_prefix("template")) if self.is_bound else None
        if typed is None or self.instance.template_is_locked:
            return self.instance.template_id
        return int(typed) if typed.isdecimal() and int(typed) in dict(published_templates()) else None

    def _limit_templates(self) -> None:
        template = self.fields["template"]
        assert isinstance(template, forms.ModelChoiceField)  # noqa: S101 - Django makes it one
        allowed = {*dict(published_templates()), self.instance.template_id}
        template.queryset = template.queryset.filter(pk__in=allowed - {None}) if template.queryset else None
        template.empty_label = "Choose one …"
        template.required = True
        if self.instance.template_is_locked:
            template.disabled = True
            template.help_text = LOCKED
        else:
            template.help_text = "Only published templates are listed. It is fixed once you publish this mail server."

    def _add_row(self, field: TicketField, stored: FieldMapping | None, *, fresh: bool) -> None:
        name = f"map-{field.key}"
        preset = PRESET.get(field.key, "") if fresh else ""
        self.fields[f"{name}-property"] = forms.ChoiceField(
            label=f"{field.label}: filled from",
            choices=_choices(field),
            required=False,
            initial=stored.property if stored else preset,
        )
        if field.kind == "attachments" or field.key == "requester":
            return
        self.fields[f"{name}-default"] = _default_field(field, stored.default if stored else "")
        if field.key not in BUILT_IN_KEYS:
            self.fields[f"{name}-restricted"] = forms.BooleanField(
                label=f"{field.label}: restricted", required=False, initial=stored.restricted if stored else False
            )

    def _row(self, field: TicketField) -> Row:
        name = f"map-{field.key}"
        boxes = [self[key] if (key := f"{name}-{part}") in self.fields else None for part in ("default", "restricted")]
        return Row(field, self[f"{name}-property"], *boxes)

    def _clean_row(self, field: TicketField) -> None:
        name = f"map-{field.key}"
        self.check_with(f"{name}-default", lambda text: default_value(field.kind, field.choices, text))
        filled = self.cleaned_data.get(f"{name}-property") or self.cleaned_data.get(f"{name}-default")
        broken = f"{name}-property" in self.errors or f"{name}-default" in self.errors
        if field.required and self.complete and not filled and not broken:
            self.add_error(
                f"{name}-property", f"{field.label} is required: choose what fills it, or give a default value."
            )

    def _mapping(self, field: TicketField, position: int) -> FieldMapping:
        name = f"map-{field.key}"
        return FieldMapping(
            server=self.instance,
            field=field.key,
            property=self.cleaned_data.get(f"{name}-property") or "",
            default=self.cleaned_data.get(f"{name}-default") or "",
            restricted=bool(self.cleaned_data.get(f"{name}-restricted")),
            position=position,
        )


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
