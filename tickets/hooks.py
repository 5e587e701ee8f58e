"""Questions the pages ask of apps that tickets must not know. Nobody has to answer; the last answer wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

User = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a message of ours got, in words for agents. `detail` says why and what to do, when something is wrong."""

    label: str
    tone: Literal["", "good", "warn", "bad"] = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something every agent should know before they wonder why the queue is quiet."""

    text: str
    url: str = ""
    tone: Literal["warn", "bad"] = "warn"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what came in, and what became of it. `claimed` is the type it is said to have, `found` the real."""

    number: str
    name: str
    claimed: str
    found: str
    size: int
    fingerprint: str
    verdict: str
    because: str = ""
    tone: Literal["", "warn", "bad"] = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the message behind a note was read: facts (name, value), oddities, pieces, links (words, address)."""

    facts: Sequence[tuple[str, str]] = ()
    oddities: Sequence[str] = ()
    pieces: Sequence[Piece] = ()
    unlisted: int = 0  # pieces beyond those
    links: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class Hooks:
    #: ids of public notes of ours → how each was delivered
    delivery_states: list[Callable[[Sequence[int]], Mapping[int, Delivery]]] = field(default_factory=list)
    #: (ticket id, who asks) → address of a page that explains where the ticket came from, or nothing
    origin_links: list[Callable[[int, User], str]] = field(default_factory=list)
    #: ids of notes → for those that came in by a channel: what an agent must know before reading, mostly nothing
    remarks: list[Callable[[Sequence[int]], Mapping[int, Sequence[str]]]] = field(default_factory=list)
    #: (id of such a note, who asks) → how it was read, or nothing
    readings: list[Callable[[int, User], Reading | None]] = field(default_factory=list)
    #: who asks → what is wrong at the moment
    notices: list[Callable[[User], Sequence[Notice]]] = field(default_factory=list)


hooks = Hooks()


def delivery_states(note_ids: Sequence[int]) -> dict[int, Delivery]:
    found: dict[int, Delivery] = {}
    for ask in hooks.delivery_states if note_ids else ():
        found.update(ask(note_ids))
    return found


def remarks(note_ids: Sequence[int]) -> dict[int, Sequence[str]]:
    found: dict[int, Sequence[str]] = {}
    for ask in hooks.remarks if note_ids else ():
        found.update(ask(note_ids))
    return found


def reading(note_id: int, user: User) -> Reading | None:
    return next((found for ask in reversed(hooks.readings) if (found := ask(note_id, user))), None)


def origin_link(ticket_id: int, user: User) -> str:
    return next((link for ask in reversed(hooks.origin_links) if (link := ask(ticket_id, user))), "")


def notices(user: User) -> list[Notice]:
    return [notice for ask in hooks.notices for notice in ask(user)]
