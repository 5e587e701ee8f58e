"""What a dry run pretends to have happened on top of what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mailchannel.kernel.channel import TicketFacts
from mailchannel.services.repeats import Said


@dataclass(frozen=True, slots=True)
class Supposed:
    """What earlier mails of the dry run would have become, for those that come after them."""

    known: Mapping[str, str] = field(default_factory=dict)  # message id → ticket it would be on
    tickets: Mapping[str, TicketFacts] = field(default_factory=dict)
    contacts: frozenset[str] = frozenset()  # who would have become one
    unseen: frozenset[int] = frozenset()  # rows of the ledger that count as not received yet
    strangers: frozenset[str] = frozenset()  # who was no contact before those rows
    said: tuple[Said, ...] = ()  # earlier mails that would have opened tickets, as far as they can be repeated


NOTHING: Final = Supposed()
