from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.gates import Finding, gate, passes, refuses
from mailchannel.pipeline.subject_words import folded


@gate(
    "subject_match",
    "Subject as agreed",
    reason="ignored.subject",
    options=(
        FieldSpec(
            "subject_must_match",
            "Only these subjects",
            Kind.LINES,
            "One a line, the whole subject: a part of it does not count, upper and lower case are the same. "
            "Empty: every subject. Answers to tickets are never left out by this.",
            default=(),
        ),
    ),
)
def subject_match(case: Case, options: Mapping[str, Any]) -> Finding:
    wanted = {folded(subject) for subject in options["subject_must_match"]}
    if not wanted:
        return passes("every subject is welcome")
    if case.is_reply:
        return passes(f"answers {case.thread.number}")
    if folded(case.mail.subject) in wanted:
        return passes(f"“{case.mail.subject}” is on the list")
    return refuses(f"“{case.mail.subject[:100]}” is none of the {len(wanted)} agreed subjects")
