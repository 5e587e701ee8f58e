"""A list of senders that is asked about many addresses: a long block list must not slow the page down."""

from __future__ import annotations

from collections.abc import Collection

from mailchannel.pipeline.addressing import first_match


class Patterns:
    """Addresses and `*@domain`, looked up as such; only the odd pattern has to be tried one by one."""

    def __init__(self, entries: Collection[str]) -> None:
        self._entries = frozenset(entries)
        self._odd = [each for each in entries if {"*", "?"}.intersection(each.removeprefix("*@"))]

    def match(self, address: str) -> str:
        """An entry the address fits; empty when none does."""
        return address if address in self._entries else self.wider(address)

    def wider(self, entry: str) -> str:
        """An entry that covers this one and more; empty when none does."""
        domain = f"*@{entry.rpartition('@')[2]}"
        if domain in self._entries and domain != entry:
            return domain
        found = first_match(entry, self._odd)
        return found if found != entry else ""
