"""One thing that looks like a mistake, and the settings it is looked for in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailchannel.kernel.channel import Channel
from mailchannel.models import MailServer
from mailchannel.services.lint.history import History


@dataclass(frozen=True, slots=True)
class Remark:
    """`field` names an input of the step; `text` names the setting and says what follows from it."""

    field: str
    text: str
    step: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The settings under examination, every option with its value in force, and what the mail log knows."""

    server: MailServer
    channel: Channel
    accept: dict[str, Any]
    files: dict[str, Any]
    trouble: dict[str, Any]
    routing: dict[str, Any]
    confirmation: dict[str, Any]
    history: History

    @property
    def ours(self) -> frozenset[str]:
        return self.channel.own_addresses

    @property
    def allowed_domains(self) -> tuple[str, ...]:
        """Nobody is turned away by a list that is switched off."""
        return self.channel.allowed_domains if self.accept["approved_domains_only"] else ()


Rule = Callable[[Draft], Iterator[Remark]]


def named(words: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
