from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("before_start", "Not before the start date", reason="ignored.before_start_date")
def before_start(case: Case, options: Mapping[str, Any]) -> Finding:
    """When the server took the mail in decides, never the Date header: that one is the sender's to forge."""
    start, received = case.channel.sync_start, case.facts.received_at
    if start is None or received is None:
        return passes("no start date is set")
    if received < start:
        return refuses(f"received {received:%Y-%m-%d %H:%M %Z}, before {start:%Y-%m-%d %H:%M %Z}")
    return passes(f"received {received:%Y-%m-%d %H:%M %Z}, not before {start:%Y-%m-%d %H:%M %Z}")
