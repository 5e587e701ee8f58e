"""How tests reach the servers they started on loopback."""

from __future__ import annotations

from typing import Any

from mailchannel.network.way import Way


def way(timeout: float = 5, **changed: Any) -> Way:
    return Way(**{"timeout": timeout, "allow_private": True, **changed})
