from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.addressing import first_match
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate(
    "new_tickets",
    "May open tickets",
    reason="rejected.new_tickets",
    order=40,
    options=(
        FieldSpec(
            "new_tickets_enabled",
            "Mail may open new tickets",
            Kind.SWITCH,
            "Switched off, answers still join their tickets.",
            default=True,
        ),
        FieldSpec(
            "new_tickets_exceptions",
            "Except for these senders",
            Kind.LINES,
            "They may open tickets although others may not. One a line: an address or *@example.org.",
            default=(),
        ),
    ),
)
def new_tickets(case: Case, options: Mapping[str, Any]) -> Finding:
    if case.is_reply:
        return passes(f"answers {case.thread.number}")
    if options["new_tickets_enabled"]:
        return passes("mail may open new tickets")
    sender = case.mail.sender.email if case.mail.sender else ""
    entry = first_match(sender, options["new_tickets_exceptions"])
    if entry:
        return passes(f"{sender} is excepted by {entry}")
    return refuses(f"mail opens no new tickets here, and {sender or 'the sender'} is no exception")
