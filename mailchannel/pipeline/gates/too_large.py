from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.pipeline.gates import Finding, gate, passes, refuses

OPTIONS = (
    FieldSpec(
        "largest_mail_mb",
        "Largest mail (MB)",
        Kind.INTEGER,
        "A larger mail is listed as failed without being downloaded.",
        default=50,
        minimum=1,
        maximum=150,
    ),
)


def limit(acceptance: Mapping[str, Any]) -> int:
    """Bytes. Read before fetching, too: a larger mail is never downloaded."""
    return int(with_defaults(OPTIONS, acceptance)["largest_mail_mb"]) * 1_000_000


@gate("too_large", "Not too large", reason="failed.too_big", options=OPTIONS)
def too_large(case: Case, options: Mapping[str, Any]) -> Finding:
    allowed = limit(options)
    if case.mail.size > allowed:
        return refuses(f"{case.mail.size:,} bytes is more than {allowed:,}")
    return passes(f"{case.mail.size:,} of {allowed:,} bytes")
