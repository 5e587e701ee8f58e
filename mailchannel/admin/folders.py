"""Second step: which folders are read, from when on, and what becomes of mail afterwards.

Folders are ticked in the live list, or typed where there is none. A folder mail is moved to is stored only where mail
is to be moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django import forms
from django.utils import timezone

from mailchannel.admin.folder_fields import FolderField, StartField
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import FolderMapping
from mailchannel.services import after, validation
from mailchannel.services.after import Action
from mailchannel.services.check import Finding
from mailchannel.services.doctor.folders import ODD_SOURCES
from mailchannel.services.mailbox_folders import Listing
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.transports import TRANSPORTS, Folder

Role = FolderMapping.Role
LISTS = {
    Role.SOURCE: "Folder names, one a line.",
    Role.NEVER_READ: "A safeguard: these cannot be added to the folders to read.",
}
AFTER: Final = "after-"
AFTERWARDS: Final = "What becomes of mail afterwards?"
ONLY_SETTLED: Final = "Done when a mail is stored here and settled. A change counts for mail that comes in later."
AFTER_FIELDS: Final = (
    *("after-processed", "success"),
    *("after-ignored", "exclusion"),
    *("after-failed", "fail"),
)
#: Offered as long as nothing is stored.
PROPOSED = {Role.SOURCE: ["INBOX"], Role.SUCCESS: ["Processed"], Role.FAIL: ["Failed"], Role.EXCLUSION: ["Ignored"]}


@dataclass(frozen=True, slots=True)
class Tick:
    """One folder in a list. `mails` is None where they were not counted; `odd` says why not to read from it."""

    folder: Folder
    ticked: bool
    mails: int | None
    odd: str


@dataclass(frozen=True, slots=True)
class FolderChoice:
    """Every folder of the mailbox with its tick, and what is chosen besides."""

    field: forms.BoundField
    folders: Sequence[Tick]
    others: str  # one a line


class FoldersStep(Step):
    slug = "folders"
    title = "Folders"
    listing = Listing()  # what the mailbox has, once it was asked
    made: Sequence[Finding] = ()  # what came of creating folders

    class Meta(Step.Meta):
        fields = ("sync_start",)

    sync_start = StartField(
        label="Ignore mail before",
        required=False,
        help_text="Left empty: the moment you publish. Older mail stays untouched.",
    )

    def groups(self) -> Sequence[Group]:
        afterwards = Group(AFTER, "after", after.specs_of(self.instance.protocol))
        trouble = Group("trouble-", "trouble", TROUBLE_SPECS)
        return (afterwards, trouble) if self.has_folders else (afterwards,) if afterwards.specs else ()

    def build(self) -> None:
        self.show_what_is_done()
        self.add_folders()
        start = self.fields["sync_start"]
        start.required = self.instance.published_at is not None
        start.help_text = (
            f"In the time zone {_time_zone()}. Mail the mail server took in at this very moment or later is read, also "
            "mail that was there before; older mail stays untouched."
        )
        if not start.required:
            start.help_text += " Left empty: the moment you publish."

    def sections(self) -> Iterator[Section]:
        if self.has_folders:
            yield Section("Which folders do we read?", (), partial="admin/mailchannel/_folder_choice.html")
        yield Section("From when on?", self.bound(("sync_start",)))
        if self.has_folders:
            yield Section(
                AFTERWARDS, self.bound(AFTER_FIELDS), ONLY_SETTLED, partial="admin/mailchannel/_afterwards.html"
            )
            yield Section("And mail that cannot be processed?", self.bound(f"trouble-{s.name}" for s in TROUBLE_SPECS))
        elif after.specs_of(self.instance.protocol):
            text = f"{ONLY_SETTLED} Failed and refused mail stays in the mailbox."
            yield Section(AFTERWARDS, self.bound(AFTER_FIELDS), text, partial="admin/mailchannel/_afterwards.html")

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
                required=not self._stays(target),
                initial="".join(chosen[target][:1]),
                max_length=255,
                validators=[_check_name],
                widget=forms.TextInput(attrs={"list": "mailbox-folders", "autocomplete": "off", "spellcheck": "false"}),
            )

    def show_what_is_done(self) -> None:
        """Rather than what is stored: what the protocol can do, and where mail should be moved to a folder of which
        none is stored, that it stays. Before any folder is stored, folders are proposed.
        """
        shown = after.in_force(self.instance)
        if self.instance.pk and self.instance.folders.exists():
            shown = {ended: deed.action.value for ended, deed in after.deeds(self.instance).items()}
        for ended, action in shown.items():
            if field := self.fields.get(AFTER + ended):
                field.initial = action

    def _action(self, ended: str) -> str:
        """As typed."""
        field = self.fields.get(AFTER + ended)
        return str(self.data.get(AFTER + ended) or field.initial) if field else ""

    def _stays(self, target: str) -> bool:
        return self._action(validation.TARGETS[target]) != Action.MOVE

    @property
    def warns_of_deleting(self) -> str:
        return after.DELETED_FOR_GOOD

    @property
    def cannot_delete(self) -> str:
        """In words, once the mail server was asked; empty as long as mail is not to be deleted."""
        wanted = Action.DELETE in {self._action(ended) for ended in validation.TARGETS.values()}
        return after.CANNOT_DELETE if wanted and not self.listing.can_remove else ""

    def targets(self) -> dict[str, str]:
        """Role → folder mail is moved to, as typed; empty where it stays."""
        return {role: "" if self._stays(role) else self.cleaned_data.get(role) or "" for role in validation.TARGETS}

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.has_folders:
            targets = self.targets()
            self.cleaned_data.update(targets)
            source, never = (self.cleaned_data.get(role) or [] for role in LISTS)
            for role, text in validation.folder_problems(source, targets, never).items():
                self.add_error(role, text)
        return self.cleaned_data

    def save_folders(self) -> None:
        if self.has_folders:
            self.instance.folders.all().delete()
            FolderMapping.objects.bulk_create(self._rows())

    def wanted(self) -> list[str]:
        """Folders mail will be moved to, as far as their names are in order; the form has been cleaned."""
        named = {role: name for role, name in self.targets().items() if name and role not in self.errors}
        return list(dict.fromkeys(named.values()))

    def missing(self) -> list[str]:
        """Folders mail will be moved to that the mailbox does not have; none before it was asked."""
        names = [self[role].value() or "" for role in validation.TARGETS if not self._stays(role)]
        return self.listing.missing(filter(None, names)) if self.listing.folders else []

    def folder_choice(self) -> list[FolderChoice]:
        """The two list fields, for the template."""
        return [self._choice(role) for role in LISTS]

    def _choice(self, role: str) -> FolderChoice:
        chosen = FolderField().to_python(self[role].value())
        folders, mails = self.listing.folders, self.listing.mails
        ticks = [Tick(each, each.name in chosen, mails.get(each.name), _odd(each, role)) for each in folders]
        listed = {folder.name for folder in folders}
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


def _odd(folder: Folder, role: str) -> str:
    return ODD_SOURCES.get(folder.special_use, "") if role == Role.SOURCE else ""


def _time_zone() -> str:
    now = timezone.localtime()
    return f"{timezone.get_current_timezone_name()} (now {now:%H:%M})"


def _check_name(value: str) -> None:
    validation.folder_name(value)
