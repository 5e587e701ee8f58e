"""What a decision would write, in plain words: the ticket with every value and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Decision, Draft, FileRuling, Verdict
from mailchannel.kernel.types import TEXT_KINDS

#: So much of a value is shown: a dry run of many mails is one page.
LONGEST_VALUE = 600
MOST_FILES = 50
_VERDICTS = {
    Verdict.SHOWN: "shown",
    Verdict.KEPT: "kept",
    Verdict.INLINE: "kept, shown inside the text",
    Verdict.STRIPPED: "left out",
}


@dataclass(frozen=True, slots=True)
class Value:
    """One line of the ticket: what it is called, what stands there, and why."""

    label: str
    value: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class File:
    name: str
    size: int
    verdict: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The ticket a mail opens, or what it adds to one. For a refused mail: what it would have become otherwise."""

    template: str
    values: tuple[Value, ...]
    files: tuple[File, ...]


def preview(decision: Decision, channel: Channel) -> Preview | None:
    """None where nothing can be made of the mail. Small: it holds no file and no whole text."""
    draft = decision.draft
    if draft is None:
        return None
    files = [_file(ruling) for ruling in draft.manifest if ruling.part.kind not in TEXT_KINDS]
    return Preview(draft.template, tuple(_values(decision, draft, channel)), tuple(files[:MOST_FILES]))


def _values(decision: Decision, draft: Draft, channel: Channel) -> Iterator[Value]:
    origins = {step.code: step.because for step in decision.trace if step.stage == "map"}
    restricted = frozenset(draft.restricted)
    for rule in channel.mapping:
        if rule.kind != "attachments":
            seen = " (restricted)" if rule.field in restricted else ""
            yield Value(f"{rule.label}{seen}", shown(draft.fields.get(rule.field)), origins.get(rule.field, ""))
    for label, name in (("Department", draft.department), ("Service", draft.service), ("Process", draft.process)):
        if name:
            yield Value(label, name)
    if draft.thread.related:
        yield Value("Related ticket", draft.thread.related, "for agents only: its sender takes no part in it")
    if channel.attach_email:
        yield Value("The complete mail", "attached as original.eml")


def shown(value: Any) -> str:
    """As text, cut where it is long."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value).strip()
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _file(ruling: FileRuling) -> File:
    name = ruling.part.filename or ruling.part.content_type
    return File(name, len(ruling.part.content), _VERDICTS[ruling.verdict], ruling.because)
