"""Second step: which folders are read, from when on, and where mail goes afterwards.

Folders are ticked in the live list, or typed where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict

from mailchannel.admin.fields import LinesField
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import FolderMapping
from mailchannel.services import validation
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.transports import TRANSPORTS, Folder

Role = FolderMapping.Role
LISTS = {
    Role.SOURCE: "Folder names, one a line.",
    Role.NEVER_READ: "A safeguard: these cannot be added to the folders to read.",
}
#: Offered as long as nothing is stored.
PROPOSED = {Role.SOURCE: ["INBOX"], Role.SUCCESS: ["Processed"], Role.FAIL: ["Failed"], Role.EXCLUSION: ["Ignored"]}


class FolderLines(forms.Textarea):
    """Folders ticked in the live list and folders typed below it are one list: both have the same name."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        return "\n".join(data.getlist(name)) if isinstance(data, MultiValueDict) else data.get(name) or ""


class FolderField(LinesField):
    widget = FolderLines

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(super().to_python(value)))


@dataclass(frozen=True, slots=True)
class FolderChoice:
    """Every folder of the mailbox with its tick, and what is chosen besides."""

    field: forms.BoundField
    folders: Sequence[tuple[Folder, bool]]
    others: str  # one a line


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


class FoldersStep(Step):
    slug = "folders"
    title = "Folders"
    live: Sequence[Folder] = ()  # what the mailbox has, once it was asked

    class Meta(Step.Meta):
        fields = ("sync_start",)

    sync_start = StartField(
        label="Ignore mail before",
        required=False,
        help_text="Left empty: the moment you publish. Older mail stays untouched.",
    )

    def groups(self) -> Sequence[Group]:
        return (Group("trouble-", "trouble", TROUBLE_SPECS),) if self.has_folders else ()

    def build(self) -> None:
        self.add_folders()
        if self.instance.published_at:
            self.fields["sync_start"].required = True
            self.fields["sync_start"].help_text = "Older mail stays untouched."

    def sections(self) -> Iterator[Section]:
        if self.has_folders:
            yield Section("Which folders do we read?", (), partial="admin/mailchannel/_folder_choice.html")
        yield Section("From when on?", self.bound(("sync_start",)))
        if self.has_folders:
            yield Section(
                "Where does mail go afterwards?",
                self.bound(("success", "fail", "exclusion")),
                "Mail is moved, never deleted. A folder that does not exist is created when the first mail goes there.",
            )
            yield Section("And mail that cannot be processed?", self.bound(f"trouble-{s.name}" for s in TROUBLE_SPECS))

    def save_rows(self) -> None:
        self.save_folders()

    @property
    def has_folders(self) -> bool:
        return self.instance.protocol in TRANSPORTS and TRANSPORTS[self.instance.protocol].has_folders

    def add_folders(self) -> None:
        if not self.has_folders:
            return
        chosen = self._chosen()
        for role, text in LISTS.items():
            self.fields[role] = FolderField(
                label=role.label,
                required=role == Role.SOURCE,
                initial=chosen[role],
                help_text=text,
                check=partial(validation.each, validation.folder_name),
            )
        for target in validation.TARGETS:
            self.fields[target] = forms.CharField(
                label=Role(target).label,
                initial="".join(chosen[target][:1]),
                max_length=255,
                validators=[_check_name],
                widget=forms.TextInput(attrs={"list": "mailbox-folders", "autocomplete": "off", "spellcheck": "false"}),
            )

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.has_folders:
            targets = {role: self.cleaned_data.get(role) or "" for role in validation.TARGETS}
            source, never = (self.cleaned_data.get(role) or [] for role in LISTS)
            for role, text in validation.folder_problems(source, targets, never).items():
                self.add_error(role, text)
        return self.cleaned_data

    def save_folders(self) -> None:
        if self.has_folders:
            self.instance.folders.all().delete()
            FolderMapping.objects.bulk_create(self._rows())

    def folder_choice(self) -> list[FolderChoice]:
        """The two list fields, for the template."""
        return [self._choice(role) for role in LISTS]

    def _choice(self, role: str) -> FolderChoice:
        chosen = FolderField().to_python(self[role].value())
        listed = {folder.name for folder in self.live}
        ticks = [(folder, folder.name in chosen) for folder in self.live]
        return FolderChoice(self[role], ticks, "\n".join(folder for folder in chosen if folder not in listed))

    def _chosen(self) -> dict[str, list[str]]:
        rows = list(self.instance.folders.all()) if self.instance.pk else []
        by_role: dict[str, list[str]] = {role: [] if rows else PROPOSED.get(role, []) for role in Role}
        for row in rows:
            by_role[row.role].append(row.folder)
        return by_role

    def _rows(self) -> Iterator[FolderMapping]:
        for role in (*LISTS, *validation.TARGETS):
            value = self.cleaned_data.get(role) or []
            for folder in value if isinstance(value, list) else [value]:
                yield FolderMapping(server=self.instance, role=role, folder=folder)


def _check_name(value: str) -> None:
    validation.folder_name(value)
