from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.addressing import first_match
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate(
    "blocked_sender",
    "Sender not blocked",
    reason="ignored.blocked",
    order=10,
    options=(
        FieldSpec(
            "blocked_senders",
            "Blocked senders",
            Kind.LINES,
            "One a line: an address, or *@ads.example for a whole domain.",
            default=(),
        ),
    ),
)
def blocked_sender(case: Case, options: Mapping[str, Any]) -> Finding:
    sender = case.mail.sender.email if case.mail.sender else ""
    entry = first_match(sender, options["blocked_senders"])
    if entry:
        return refuses(f"{sender} is blocked by {entry}")
    return passes(f"{sender or 'the sender'} is none of {len(options['blocked_senders'])} blocked senders")
