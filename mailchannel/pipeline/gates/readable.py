from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("readable", "Structure can be read", reason="failed.too_complex")
def readable(case: Case, options: Mapping[str, Any]) -> Finding:
    """A mail built to exhaust a parser is set aside whole; its original stays downloadable."""
    return refuses(case.mail.too_complex) if case.mail.too_complex else passes("within all limits")
