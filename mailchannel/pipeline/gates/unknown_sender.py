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
    options=(
        FieldSpec(
            "unknown_senders",
            "Mail from people we do not know yet",
            Kind.CHOICE,
            default="accept",
            choices=(("accept", "Accept it and remember the sender"), ("refuse", "Refuse it")),
        ),
    ),
)
def unknown_sender(case: Case, options: Mapping[str, Any]) -> Finding:
    sender = case.mail.sender.email if case.mail.sender else "the sender"
    if case.facts.sender_known:
        return passes(f"{sender} is a contact")
    if options["unknown_senders"] == "refuse":
        return refuses(f"{sender} is no contact, and unknown senders are refused")
    return passes("unknown senders are welcome")
