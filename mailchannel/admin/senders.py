"""Third step: who may write, and which mail becomes a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from mailchannel.admin.fields import LinesField
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import AllowedDomain
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import validation


class SendersStep(Step):
    slug = "senders"
    title = "Who may write"

    def groups(self) -> Sequence[Group]:
        return (Group("accept-", "acceptance", acceptance_specs()),)

    def build(self) -> None:
        server = self.instance
        self.fields["allowed_domains"] = LinesField(
            label="Allowed domains",
            required=False,
            commas=True,
            initial=[row.domain for row in server.domains.all()] if server.pk else [],
            check=partial(validation.each, validation.domain_pattern),
            help_text="One a line, such as example.com or *.example.com. Empty: everybody may write.",
        )
        self.check_lines("accept-", validation.LINE_CHECKS)

    def sections(self) -> Iterator[Section]:
        yield Section("Who may write?", self.bound(("allowed_domains",)))
        yield Section("Which mail becomes a ticket?", self.bound(f"accept-{spec.name}" for spec in acceptance_specs()))

    def save_rows(self) -> None:
        server = self.instance
        server.domains.all().delete()
        AllowedDomain.objects.bulk_create(
            AllowedDomain(server=server, domain=domain) for domain in self.cleaned_data["allowed_domains"]
        )
