from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("sender_readable", "Readable sender", reason="rejected.sender_unreadable")
def sender_readable(case: Case, options: Mapping[str, Any]) -> Finding:
    """One From with one mailbox (RFC 5322 section 3.6.2): whoever reads it otherwise may be shown somebody else."""
    if case.mail.sender is None:
        return refuses(f"{case.mail.sender_problem}: From: {case.mail.from_header[:200]}")
    return passes(f"one From, one mailbox: {case.mail.sender.email}")
