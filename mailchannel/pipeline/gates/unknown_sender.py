from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate(
    "unknown_sender",
    "Known sender",
    reason="rejected.unknown_user",
    order=30,
    options=(
        FieldSpec(
            "unknown_senders",
            "Mail from people we do not know yet",
            Kind.CHOICE,
            "Whoever wrote before, or was entered by an agent, is known.",
            default="accept",
            choices=(
                ("accept", "Accept it; the ticket belongs to no user and no company"),
                ("refuse", "Refuse it"),
            ),
        ),
    ),
)
def unknown_sender(case: Case, options: Mapping[str, Any]) -> Finding:
    if case.mail.sender is None:
        return passes("no readable sender to look up")
    sender = case.mail.sender.email
    if case.facts.sender_known:
        return passes(f"{sender} is a contact")
    if options["unknown_senders"] == "refuse":
        return refuses(f"{sender} is no contact, and unknown senders are refused")
    return passes("unknown senders are welcome; no user and no company is assigned")
