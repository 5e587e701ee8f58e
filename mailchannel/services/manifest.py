"""The manifest as it is stored with a received mail."""

from __future__ import annotations

from collections.abc import Iterable

from mailchannel.kernel.decisions import FileRuling


def rows(manifest: Iterable[FileRuling]) -> list[dict[str, str | int]]:
    return [
        {
            "number": each.part.number,
            "filename": each.part.filename,
            "content_type": each.part.content_type,
            "detected": each.detected,
            "size": len(each.part.content),
            "sha256": each.sha256,
            "kind": each.part.kind.value,
            "verdict": each.verdict.value,
            "reason": each.reason,
            "because": each.because,
        }
        for each in manifest
    ]
