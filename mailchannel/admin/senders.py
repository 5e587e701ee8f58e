"""Third step: who may write, and which mail becomes a ticket.

Senders are judged in four stages, and the page asks in the same order; each section says what its settings mean now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mailchannel.admin.fields import LinesField
from mailchannel.admin.sender_words import QUESTIONS
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import AllowedDomain
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import validation

PREFIX = "accept-"
DOMAINS = "allowed_domains"


class SendersStep(Step):
    slug = "senders"
    title = "Who may write"

    def groups(self) -> Sequence[Group]:
        return (Group(PREFIX, "acceptance", acceptance_specs()),)

    def build(self) -> None:
        server = self.instance
        self.fields[DOMAINS] = LinesField(
            label="Approved domains",
            required=False,
            commas=True,
            initial=[row.domain for row in server.domains.all()] if server.pk else [],
            check=partial(validation.each, validation.domain_pattern),
            help_text="One a line: example.com is this domain alone, *.example.com every domain below it. "
            "Empty: everybody may write.",
        )
        self.check_lines(PREFIX, validation.LINE_CHECKS)

    def sections(self) -> Iterator[Section]:
        values = self._values()
        for heading, names, sentence in QUESTIONS:
            yield Section(heading, self.bound(map(_field, names)), sentence(values))
        asked = {name for _, names, _ in QUESTIONS for name in names}
        rest = [spec.name for spec in acceptance_specs() if spec.name not in asked]
        yield Section("Forged mail and more", self.bound(map(_field, rest)))

    def save_rows(self) -> None:
        server = self.instance
        server.domains.all().delete()
        AllowedDomain.objects.bulk_create(
            AllowedDomain(server=server, domain=domain) for domain in self.cleaned_data[DOMAINS]
        )

    def _values(self) -> Mapping[str, Any]:
        """As stored: what was typed and is wrong means nothing yet."""
        return {**self.before["acceptance"], DOMAINS: self.fields[DOMAINS].initial}


def _field(name: str) -> str:
    return name if name == DOMAINS else PREFIX + name
