"""tickets says something happened; write it to the outbox in the same transaction."""

from __future__ import annotations


def connect() -> None:
    pass
