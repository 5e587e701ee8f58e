"""Fifth step: what customers are told at once, and who in the team hears of trouble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django import forms

from mailchannel.admin.step import Group, Section, Step
from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.services import notices


class AnswersStep(Step):
    slug = "answers"
    title = "Answers and alerts"

    class Meta(Step.Meta):
        fields = ("alert_to",)

    alert_to = forms.ModelMultipleChoiceField(
        notices.reachable(),
        label="The team to tell",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Listed is everybody with a mail address.",
    )

    def groups(self) -> Sequence[Group]:
        return (Group("confirm-", "confirmation", CONFIRMATION_SPECS),)

    def sections(self) -> Iterator[Section]:
        yield Section("What do customers hear at once?", self.bound(f"confirm-{s.name}" for s in CONFIRMATION_SPECS))
        yield Section(
            "Who hears of trouble?",
            self.bound(("alert_to",)),
            "They are told of mail that failed, of files that were left out and of a mailbox that cannot be reached.",
        )

    def save_rows(self) -> None:
        self.instance.alert_to.set(self.cleaned_data["alert_to"])
