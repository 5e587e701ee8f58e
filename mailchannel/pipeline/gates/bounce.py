from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.types import DeliveryReport
from mailchannel.pipeline.gates import Finding, gate, passes, refuses

MOST_NAMED = 3


@gate("bounce", "Not a delivery report", reason="ignored.bounce")
def bounce(case: Case, options: Mapping[str, Any]) -> Finding:
    """A report about a mail of ours is never a request; answering it would bounce again."""
    report = case.mail.report
    return refuses(_told(report)) if report else passes("no delivery report, no empty return path")


def _told(report: DeliveryReport) -> str:
    """The sign, and about whom: `… is about bo@client.example (5.1.1)`."""
    known = [each for each in report.recipients if each.address]
    if not known:
        return report.sign
    about = ", ".join(f"{each.address} ({each.status})" if each.status else each.address for each in known[:MOST_NAMED])
    more = len(known) - MOST_NAMED
    return f"{report.sign}; it is about {about}" + (f" and {more} more" if more > 0 else "")
