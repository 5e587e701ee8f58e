from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("sender_domain", "Allowed domain", reason="rejected.domain")
def sender_domain(case: Case, options: Mapping[str, Any]) -> Finding:
    """An empty list allows everybody. A domain allows itself only; `*.example.com` allows what lies below it."""
    allowed = case.channel.allowed_domains
    if not allowed:
        return passes("every domain is welcome")
    if case.mail.sender is None:
        return passes("no readable sender to compare")
    domain = case.mail.sender.domain
    if any(domain == each or (each.startswith("*.") and domain.endswith(each[1:])) for each in allowed):
        return passes(f"{domain} is an allowed domain")
    return refuses(f"{domain or 'an empty domain'} is none of {', '.join(allowed[:10])}")
