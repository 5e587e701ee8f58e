"""The manifest as it is stored with a received mail."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from mailchannel.kernel.decisions import FileRuling
from mailchannel.kernel.types import Part

Row = dict[str, str | int]


def rows(manifest: Iterable[FileRuling]) -> list[Row]:
    return [
        {
            **_described(each.part, each.sha256),
            "detected": each.detected,
            "verdict": each.verdict.value,
            "reason": each.reason,
            "because": each.because,
        }
        for each in manifest
    ]


def row_of(part: Part) -> Row:
    """Without a verdict: what the part is."""
    return _described(part, sha256(part.content).hexdigest())


def _described(part: Part, digest: str) -> Row:
    return {
        "number": part.number,
        "filename": part.filename,
        "content_type": part.content_type,
        "size": len(part.content),
        "sha256": digest,
        "kind": part.kind.value,
    }
