from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.parsing.automatic import bounce as bounce_sign
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("bounce", "Not a delivery report", reason="ignored.bounce")
def bounce(case: Case, options: Mapping[str, Any]) -> Finding:
    """A report about a mail of ours is never a request; answering it would bounce again."""
    sign = bounce_sign(case.mail)
    return refuses(sign) if sign else passes("no delivery report, no empty return path")
