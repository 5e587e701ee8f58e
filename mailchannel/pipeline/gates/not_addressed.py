from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.addressing import place_of
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
            "Mail that has us in Cc or Bcc only opens no ticket. Every alias counts as our address. "
            "Answers to tickets are never left out by this.",
            default=False,
        ),
    ),
)
def not_addressed(case: Case, options: Mapping[str, Any]) -> Finding:
    place = place_of(case.mail, case.channel.own_addresses)
    if place.where == "To":
        return passes(place.because)
    seen = f"in {place.where} only: {place.because}"
    if not options["only_if_in_to"]:
        return passes(f"{seen}; that is welcome here")
    if case.is_reply:
        return passes(f"{seen}; but it answers {case.thread.number}")
    return refuses(seen)
