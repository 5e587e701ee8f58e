from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.addressing import is_ours
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate(
    "not_addressed",
    "Addressed to us",
    reason="ignored.not_addressed",
    options=(
        FieldSpec(
            "only_if_in_to",
            "Only if our address stands in To",
            Kind.SWITCH,
            "Mail that has us in Cc or Bcc only is ignored. Aliases count; answers to tickets are never ignored.",
            default=False,
        ),
    ),
)
def not_addressed(case: Case, options: Mapping[str, Any]) -> Finding:
    ours = case.channel.own_addresses
    found = next((a.email for a in case.mail.to if is_ours(a.email, ours)), "")
    if found:
        return passes(f"{found} stands in To")
    if case.is_reply:
        return passes(f"answers {case.thread.number}")
    if options["only_if_in_to"]:
        return refuses(f"none of {', '.join(sorted(ours))} stands in To")
    return passes("Cc and Bcc are welcome")
