from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.pipeline.addressing import domain_fits
from mailchannel.pipeline.gates import Finding, gate, passes, refuses

MOST_NAMED = 10


@gate(
    "sender_domain",
    "Allowed domain",
    reason="rejected.domain",
    order=20,
    options=(
        FieldSpec(
            "approved_domains_only",
            "Only approved domains",
            Kind.SWITCH,
            "Off: the list is kept, but everybody may write.",
            default=True,
        ),
    ),
)
def sender_domain(case: Case, options: Mapping[str, Any]) -> Finding:
    """An empty list allows everybody. A domain allows itself only; `*.example.com` allows what lies below it."""
    allowed = case.channel.allowed_domains
    if not allowed:
        return passes("every domain is welcome")
    if not options["approved_domains_only"]:
        return passes(f"every domain is welcome; the list of {len(allowed)} approved domains is switched off")
    if case.mail.sender is None:
        return passes("no readable sender to compare")
    domain = case.mail.sender.domain
    entry = next((each for each in allowed if domain_fits(domain, each)), "")
    if entry:
        return passes(f"{domain} is an allowed domain" + (f" by {entry}" if entry != domain else ""))
    more = len(allowed) - MOST_NAMED
    named = ", ".join(allowed[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return refuses(f"{domain or 'an empty domain'} is none of {named}")
