from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate(
    "duplicate",
    "Not a duplicate",
    reason="duplicate.same_message",
    options=(
        FieldSpec(
            "allow_duplicates",
            "Allow duplicates",
            Kind.SWITCH,
            "A mail sent again opens a ticket of its own, with the same words or not. The very same copy, delivered "
            "twice, never does.",
            default=False,
        ),
    ),
)
def duplicate(case: Case, options: Mapping[str, Any]) -> Finding:
    """Which mails are the same was settled when the mail was kept; `allow_duplicates` chose the yardstick."""
    seen = case.facts.duplicate_of
    return refuses(seen) if seen else passes("this message was never received here before")
