"""Whatever a sender writes about urgency, it ends as high, normal or low."""

from __future__ import annotations

import pytest

from mailchannel.parsing.importance import importance
from mailchannel.parsing.mime import parse


@pytest.mark.req("S1-31")
@pytest.mark.parametrize(
    ("headers", "meaning"),
    [
        ("", "normal"),
        ("Importance: high", "high"),
        ("Importance: Low", "low"),
        ("X-Priority: 1 (Highest)", "high"),
        ("X-Priority: 2", "high"),
        ("X-Priority: Highest", "high"),
        ("X-Priority: 5(Lowest)", "low"),
        ("Priority: urgent", "high"),
        ("Priority: non-urgent", "low"),
        ("X-MSMail-Priority: High", "high"),
        ("X-Priority: 17", "normal"),
        ("Importance: purple", "normal"),
        ("Importance: purple\nX-Priority: 1", "high"),
        ("Importance: low\nX-Priority: 1", "low"),
        ("Importance: highland cattle", "normal"),
    ],
)
def test_importance_is_read_from_whichever_header_makes_sense(headers: str, meaning: str) -> None:
    assert importance(parse(f"{headers}\n\n".lstrip("\n").encode() or b"\n")) == meaning
