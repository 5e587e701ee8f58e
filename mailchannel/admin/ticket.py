"""Fourth step: which template a mail fills, what fills each of its fields, and where the ticket goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html

from mailchannel.admin.mapping import OptionalRows, Row, add_row, cleaned_mapping, row_of, with_buttons
from mailchannel.admin.routes import step_url
from mailchannel.admin.step import Group, Section, Step, refresh
from mailchannel.models import FieldMapping
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.routing import KINDS, ROUTING_SPECS
from mailchannel.services import file_settings, routing_settings, validation
from tickets.api import (
    BUILT_IN_KEYS,
    groups_with,
    named,
    offers,
    published_templates,
    template_fields,
    template_module,
)

LOCKED = (
    "Fixed since this mail server was first published: its tickets carry the fields of this template. "
    'To use another one, <a href="{}#copy">make a copy</a> of this mail server, choose its template, '
    "and publish it in place of this one."
)
MODULE = "route-module"
PRIORITIES = ("route-priority_high", "route-priority_normal", "route-priority_low")
PLACES = ("route-department", "route-service", "route-alias_departments")
BY_SUBJECT = (
    *("route-classify_services", "route-classify_processes"),
    *("route-service_words", "route-process_words", "route-full_subject_match"),
)


class TicketStep(Step):
    slug = "ticket"
    title = "Ticket mapping"
    refreshing = ("template",)

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

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.offers = {str(each.id): each for each in offers()}
        super().__init__(self._prepared(data), *args, **kwargs)

    def groups(self) -> Sequence[Group]:
        return (
            Group("route-", "routing", ROUTING_SPECS),
            Group("files-", "attachments", FILE_SPECS, common=file_settings.system_wide()),
        )

    def build(self) -> None:
        self._limit_templates()
        self._add_offers()
        self._list_names()
        self.check_lines("files-", file_settings.CHECKS)
        self.check_lines("route-", validation.LINE_CHECKS)
        self._add_rows()

    def sections(self) -> Iterator[Section]:
        yield Section(
            "Which template does a mail fill?",
            self.bound((MODULE, "use_offer", "template")),
            partial="admin/mailchannel/_offer.html",
        )
        yield Section("What fills the ticket's fields?", (), partial="admin/mailchannel/_mapping.html")
        yield Section(
            "How urgent is it?",
            self.bound(PRIORITIES),
            "Counts where the priority is filled from the mail's importance.",
        )
        yield Section("Where does the ticket go?", self.bound(PLACES))
        yield Section("What does the subject say about that?", self.bound(BY_SUBJECT))
        yield Section(
            "Which files are kept?",
            self.bound(f"files-{spec.name}" for spec in FILE_SPECS),
            "A file that is left out stays in the original mail. The mail itself becomes a ticket all the same.",
        )
        yield Section("And the rest?", self.bound(("whitelisted_types", "attach_email")))

    def tables(self) -> Iterator[tuple[str, list[Row]]]:
        """Every row that must be there; the optional ones follow in a table of their own."""
        own = [field for field in self.ticket_fields if field.key not in BUILT_IN_KEYS and field.required]
        kinds = (
            ("Every ticket", [field for field in self.ticket_fields if field.key in BUILT_IN_KEYS]),
            ("Required by the template", own),
        )
        return ((heading, [row_of(self, field) for field in fields]) for heading, fields in kinds if fields)

    def optional_rows(self) -> list[Row]:
        return [row_of(self, field) for field in self.optional.shown]

    def silent_offer(self) -> tuple[str, str]:
        """(name, address of its page) of the hidden offer mail comes in by; without an address before it exists."""
        offer = self.instance.live.offer
        if offer is None:
            return self.instance.name, ""
        return offer.name, reverse("admin:tickets_offer_change", args=[offer.pk])

    def may_see(self) -> list[str]:
        return groups_with("view_restricted_fields")

    def may_change(self) -> list[str]:
        return groups_with("edit_restricted_fields")

    def clean(self) -> dict[str, Any]:
        super().clean()
        for field in self._rows():
            cleaned_mapping(self, field)
        self._clean_routing()
        return self.cleaned_data

    def changes(self) -> list[str]:
        """A row that was taken out leaves no input behind that could have changed."""
        gone = [f"{field.label.lower()}: no longer filled" for field in self.optional.taken_out]
        return [*super().changes(), *gone]

    def save_rows(self) -> None:
        server = self.instance
        server.whitelisted_types.set(self.cleaned_data["whitelisted_types"])
        server.mappings.all().delete()
        rows = (self._mapping(field.key, position) for position, field in enumerate(self._rows()))
        FieldMapping.objects.bulk_create(row for row in rows if row.property or row.default or row.restricted)

    def _prepared(self, data: Any) -> Any:
        """What was typed, with the pressed buttons carried out: they leave nothing behind that would be saved."""
        if not data:
            return data
        typed = data.copy()
        if offer := self.offers.get(typed.get("use_offer", "")):
            typed["use_offer"], typed["template"], typed[MODULE] = "", str(offer.template_id), offer.module
        return with_buttons(typed)

    def _module(self) -> str:
        typed = self.data.get(MODULE) if self.is_bound else None
        return str(typed or self.fields[MODULE].initial)

    def _template_id(self) -> int | None:
        """The template the rows are for: the one just chosen, saved or not."""
        typed = self.data.get(self.add_prefix("template")) if self.is_bound else None
        if typed is None or self.instance.template_is_locked:
            return self.instance.template_id
        allowed = dict(published_templates(self._module()))
        return int(typed) if typed.isdecimal() and int(typed) in allowed else None

    def _limit_templates(self) -> None:
        template, module = self.fields["template"], self.fields[MODULE]
        assert isinstance(template, forms.ModelChoiceField)  # noqa: S101 - Django makes it one
        module.widget.attrs.update(refresh())
        if self.instance.template_is_locked:
            module.initial = template_module(self.instance.template_id) or module.initial
            module.disabled = template.disabled = True
            template.help_text = format_html(LOCKED, step_url("review", self.instance.live))
            allowed = {self.instance.template_id}
        else:
            template.help_text = (
                "Only published templates of this kind are listed. It is fixed once you publish this mail server."
            )
            allowed = {*dict(published_templates(self._module()))}
        template.queryset = template.queryset.filter(pk__in=allowed - {None}) if template.queryset is not None else None
        template.empty_label = "Choose one …" if allowed else "There is no published template of this kind yet"
        template.required = True
        template.error_messages["invalid_choice"] = (
            "Select a valid choice: this template is not published, or it is of the other kind."
        )

    def _add_offers(self) -> None:
        """Nothing to choose once the template is fixed, or where the catalogue has no offer."""
        if self.instance.template_is_locked or not self.offers:
            return
        listed = [(key, f"{each.name} ({each.template})") for key, each in self.offers.items()]
        self.fields["use_offer"] = forms.ChoiceField(
            label="Use from offer",
            choices=[("", "— choose the template yourself"), *listed],
            required=False,
            widget=forms.Select(attrs=refresh()),
            help_text="Takes over the template of an offer of the service catalogue. The offer itself stays as it is.",
        )

    def _list_names(self) -> None:
        """Departments and services are chosen; the tables say which names there are."""
        for what in ("department", "service"):
            names, stored = named(KINDS[what]), self.fields[f"route-{what}"].initial
            gone = [(stored, f"{stored} (does not exist any more)")] if stored and stored not in names else []
            self.fields[f"route-{what}"] = forms.ChoiceField(
                label=self.fields[f"route-{what}"].label,
                help_text=self.fields[f"route-{what}"].help_text,
                choices=[("", "— none"), *gone, *((name, name) for name in names)],
                required=False,
                initial=stored,
            )
        for setting, what in routing_settings.TABLES.items():
            field, names = self.fields[f"route-{setting}"], named(KINDS[what])
            there = ", ".join(names) if names else f"none yet. Add them under Tickets › {KINDS[what].capitalize()}"
            field.help_text = f"{field.help_text} {KINDS[what].capitalize()}: {there}."

    def _add_rows(self) -> None:
        self.ticket_fields = template_fields(self._template_id())
        stored = {row.field: row for row in self.instance.mappings.all()} if self.instance.pk else {}
        typed: Mapping[str, Any] | None = self.data if self.is_bound else None
        self.optional = OptionalRows.of(self.ticket_fields, stored, typed)
        for field in self._rows():
            add_row(self, field, stored.get(field.key), fresh=not stored)
        if self.optional.hidden:
            choices = [("", "Choose a field …"), *((field.key, field.label) for field in self.optional.hidden)]
            self.fields["add_field"] = forms.ChoiceField(label="Another field", choices=choices, required=False)

    def _rows(self) -> list[Any]:
        return [field for field in self.ticket_fields if field not in self.optional.hidden]

    def _clean_routing(self) -> None:
        group = self.groups()[0]
        if any(name.startswith(group.prefix) for name in self.errors):
            return
        addresses = routing_settings.addresses(self.instance)
        for problem in routing_settings.problems(self.collected(group), addresses):
            self.add_error(f"{group.prefix}{problem.setting}", str(problem))

    def _mapping(self, key: str, position: int) -> FieldMapping:
        return FieldMapping(
            server=self.instance,
            field=key,
            property=self.cleaned_data.get(f"map-{key}-property") or "",
            default=self.cleaned_data.get(f"map-{key}-default") or "",
            restricted=bool(self.cleaned_data.get(f"map-{key}-restricted")),
            position=position,
        )
