"""Fifth step: what customers are told at once, and who in the team hears of trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms

from mailchannel.admin.step import Group, Section, Step
from mailchannel.compose.confirmation import CONFIRMATION_SPECS, filled_in
from mailchannel.compose.headers import tagged
from mailchannel.services import notices, system_mail
from mailchannel.services.leaving import can_send

TEXT: Final = next(spec for spec in CONFIRMATION_SPECS if spec.name == "confirmation_text")
SAMPLE: Final[Mapping[str, str]] = {"number": "HD-1041", "title": "Printer on fire", "name": "Ann Weber"}
LONGEST_PREVIEW: Final = 5_000


@dataclass(frozen=True, slots=True)
class Preview:
    sender: str
    subject: str
    text: str
    is_sent: bool


if TYPE_CHECKING:
    ManyPeople = forms.ModelMultipleChoiceField[Any]  # a type argument the class does not take at run time
else:
    ManyPeople = forms.ModelMultipleChoiceField


class People(ManyPeople):
    """By name and mail address, which is where they are told."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.get_full_name() or obj.get_username()} ({obj.email})"


class AnswersStep(Step):
    slug = "answers"
    title = "Answers and alerts"

    class Meta(Step.Meta):
        fields = ("alert_to",)

    alert_to = People(
        notices.reachable(),
        label="The team to tell",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Listed is everybody with a mail address.",
    )

    def groups(self) -> Sequence[Group]:
        return (Group("confirm-", "confirmation", CONFIRMATION_SPECS),)

    def sections(self) -> Iterator[Section]:
        yield Section(
            "What do customers hear at once?",
            self.bound(f"confirm-{s.name}" for s in CONFIRMATION_SPECS),
            "" if self.can_send else "Sending is not set up under Connection yet: until it is, no confirmation leaves.",
        )
        yield Section("How will that look?", (), partial="admin/mailchannel/_confirmation.html")
        yield Section(
            "Who hears of trouble?",
            self.bound(("alert_to",)),
            "They are told by mail of mail that failed, of files that were left out and of a mailbox that cannot be "
            f"reached. {self._way_to_the_team()}".strip(),
        )

    @property
    def can_send(self) -> bool:
        return can_send(self.instance)

    def preview(self) -> Preview:
        """The confirmation as it stands in the form, with sample values."""
        text = self["confirm-confirmation_text"].value() or TEXT.default
        return Preview(
            sender=f"{self.instance.name} <{self.instance.address}>",
            subject=tagged(SAMPLE["title"], SAMPLE["number"]),
            text=filled_in(str(text)[:LONGEST_PREVIEW], **SAMPLE).strip(),
            is_sent=bool(self["confirm-send_confirmation"].value()),
        )

    def _way_to_the_team(self) -> str:
        if self.can_send or system_mail.ready():
            return ""
        return "Neither this mail server nor the system (EMAIL_URL) can send mail, so only the bell tells of trouble."

    def save_rows(self) -> None:
        self.instance.alert_to.set(self.cleaned_data["alert_to"])
