"""Second step: which folders are read, where mail goes afterwards, who may write, and which files are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django import forms

from mailchannel.admin.fields import LinesField
from mailchannel.admin.folders import FolderStep
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import Alias, AllowedDomain
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import file_settings, notices, validation


class StartField(forms.SplitDateTimeField):
    """Date and time in two boxes of the browser's own."""

    def __init__(self, **options: Any) -> None:
        widget = forms.SplitDateTimeWidget(
            date_attrs={"type": "date", "aria-label": "Date"},
            time_attrs={"type": "time", "step": "1", "aria-label": "Time"},
            date_format="%Y-%m-%d",
            time_format="%H:%M:%S",
        )
        super().__init__(widget=widget, **options)


class ReadingStep(FolderStep):
    slug = "reading"
    title = "Reading"

    class Meta(Step.Meta):
        fields = ("sync_start", "alert_to")

    sync_start = StartField(
        label="Ignore mail before",
        required=False,
        help_text="Left empty: the moment you publish. Older mail stays untouched.",
    )
    alert_to = forms.ModelMultipleChoiceField(
        notices.reachable(),
        label="The team to tell",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="When a file is left out. Listed is everybody with a mail address.",
    )

    def groups(self) -> Sequence[Group]:
        return (
            Group("accept-", "acceptance", acceptance_specs()),
            Group("files-", "attachments", FILE_SPECS, common=file_settings.system_wide()),
        )

    def build(self) -> None:
        self.add_folders()
        if self.instance.published_at:
            self.fields["sync_start"].required = True
            self.fields["sync_start"].help_text = "Older mail stays untouched."
        self._add_lists()
        checks = {f"accept-{name}": check for name, check in validation.LINE_CHECKS.items()}
        checks |= {f"files-{name}": check for name, check in file_settings.CHECKS.items()}
        for name, check in checks.items():
            field = self.fields.get(name)
            if isinstance(field, LinesField):
                field.check = partial(validation.each, check)

    def sections(self) -> Iterator[Section]:
        if self.has_folders:
            yield Section("Which folders do we read?", (), partial="admin/mailchannel/_folder_choice.html")
            yield Section(
                "Where does mail go afterwards?",
                self.bound(("success", "fail", "exclusion")),
                "Mail is moved, never deleted. A folder that does not exist is created when the first mail goes there.",
            )
        yield Section("From when on?", self.bound(("sync_start",)))
        yield Section("Who may write?", self.bound(("allowed_domains", "aliases")))
        yield Section("Which mail becomes a ticket?", self.bound(f"accept-{spec.name}" for spec in acceptance_specs()))
        yield Section(
            "Which files are kept?",
            self.bound([*(f"files-{spec.name}" for spec in FILE_SPECS), "alert_to"]),
            "A file that is left out stays in the original mail. The mail itself becomes a ticket all the same.",
        )

    def save_rows(self) -> None:
        server = self.instance
        self.save_folders()
        server.alert_to.set(self.cleaned_data["alert_to"])
        server.domains.all().delete()
        AllowedDomain.objects.bulk_create(
            AllowedDomain(server=server, domain=domain) for domain in self.cleaned_data["allowed_domains"]
        )
        server.aliases.all().delete()
        Alias.objects.bulk_create(Alias(server=server, address=address) for address in self.cleaned_data["aliases"])

    def _add_lists(self) -> None:
        server = self.instance
        self.fields["allowed_domains"] = LinesField(
            label="Allowed domains",
            required=False,
            commas=True,
            initial=[row.domain for row in server.domains.all()] if server.pk else [],
            check=partial(validation.each, validation.domain_pattern),
            help_text="One a line, such as example.com or *.example.com. Empty: everybody may write.",
        )
        self.fields["aliases"] = LinesField(
            label="Other addresses of this mailbox",
            required=False,
            commas=True,
            initial=[row.address for row in server.aliases.all()] if server.pk else [],
            check=partial(validation.each, validation.address),
            help_text="One a line, such as helpdesk@example.com. Mail to them counts as mail to us.",
        )
