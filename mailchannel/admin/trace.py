"""The trace of a mail, arranged for reading: first who may come in, then what was or would have been made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from mailchannel.admin.versions import PER_PAGE
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, SettingsVersion
from mailchannel.pipeline.gates import GATES
from mailchannel.services import retention

#: The headline of the page.
CHOSEN: Mapping[Outcome, str] = {
    Outcome.RECEIVED: "Kept safely, not decided yet",
    Outcome.OPENED: "Became a ticket",
    Outcome.ADDED: "Joined a ticket",
    Outcome.DUPLICATE: "Not added again",
    Outcome.IGNORED: "Ignored",
    Outcome.REJECTED: "Not a ticket",
    Outcome.HELD: "Waits for a person",
    Outcome.FAILED: "Could not be processed",
}
TONES = {
    Outcome.OPENED: "good",
    Outcome.ADDED: "good",
    Outcome.REJECTED: "bad",
    Outcome.FAILED: "bad",
    Outcome.HELD: "warn",
    Outcome.RECEIVED: "warn",
}
_ACCEPTED = (Outcome.OPENED, Outcome.ADDED)
_MARKS = {"pass": "✓", "refuse": "✕"}
_WORDS = {"pass": "passes", "refuse": "refuses"}
#: Stages that have a place of their own on the page.
_APART = ("person", "gate", "earlier", retention.STAGE)
_STAGES = {
    "person": "A person decided",
    "earlier": "Before",
    retention.STAGE: "Removed",
    "thread": "Conversation",
    "map": "{code} ← {verdict}",
    "file": "Attachment",
    "notice": "Notice",
    "confirmation": "Confirmation",
    "report": "Delivery report",
}


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    because: str
    code: str
    mark: str
    word: str  # the mark, for a screen reader
    css: str


@dataclass(frozen=True, slots=True)
class TraceSection:
    heading: str
    lines: list[Line]


def sections(mail: InboundMail) -> list[TraceSection]:
    """The stored steps by stage, in the order they were taken."""
    steps: list[dict[str, str]] = mail.trace
    by_stage = {stage: [_line(step, mail) for step in steps if step.get("stage") == stage] for stage in _APART}
    gates = [*by_stage["person"], *by_stage["gate"]]
    gates.sort(key=_weight)
    others = [_line(step, mail) for step in steps if step.get("stage") not in _APART]
    after = "What was made of it" if mail.outcome in _ACCEPTED else "What it would have become otherwise"
    found = [
        TraceSection("Gates: may this mail come in?", gates),
        TraceSection(after, others),
        TraceSection("How it was judged before", by_stage["earlier"]),
        TraceSection("What became of the original", by_stage[retention.STAGE]),
    ]
    return [section for section in found if section.lines]


def _line(step: Mapping[str, str], mail: InboundMail) -> Line:
    stage, code, verdict = (str(step.get(key, "")) for key in ("stage", "code", "verdict"))
    gate = GATES[code] if stage == "gate" and code in GATES else None
    decided = gate is not None and verdict == "refuse" and gate.reason == mail.reason
    if stage == "earlier":
        verdict = ""
    return Line(
        label=gate.label if gate else _label(stage, code, verdict),
        because=str(step.get("because", "")),
        code=f"{stage}.{code}",
        mark=_MARKS.get(verdict, "·"),
        word=_WORDS.get(verdict, ""),
        css=f"{verdict if verdict in _MARKS else 'other'}{' stop' if decided else ''}",
    )


def version_url(mail: InboundMail) -> str:
    """Where the settings that judged it stand, on the page of the versions; empty where they were not kept."""
    versions = SettingsVersion.objects.filter(server=mail.server_id)
    if not versions.filter(number=mail.version).exists():
        return ""
    page = versions.filter(number__gt=mail.version).count() // PER_PAGE + 1
    address = reverse("admin:mailchannel_mailserver_versions", args=[mail.server_id])
    return f"{address}?page={page}#version-{mail.version}"


def _weight(line: Line) -> int:
    """What decided comes first: a person's word, then the refusal that counted, then the others."""
    if line.code.startswith("person."):
        return 0
    return 1 if line.css.endswith(" stop") else 2 if line.mark == _MARKS["refuse"] else 3


def _label(stage: str, code: str, verdict: str) -> str:
    """`map`, `affected_system`, `default` → `Affected system ← default`."""
    words = {"code": code.replace("_", " ").capitalize(), "verdict": verdict.replace("_", " ")}
    return _STAGES.get(stage, "{code}").format(**words)
