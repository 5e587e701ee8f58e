"""Is this address one of ours? Sub-addresses (RFC 5233, support+x@…) count as the mailbox itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from mailchannel.kernel.types import Address


def plain(email: str) -> str:
    """Without the sub-address: support+hd-1041@example.com → support@example.com."""
    local, at, domain = email.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def is_ours(email: str, ours: Collection[str]) -> bool:
    return email in ours or plain(email) in ours


def others(addresses: Iterable[Address], ours: Collection[str]) -> tuple[Address, ...]:
    """The addresses that are not ours, each once."""
    return tuple({a.email: a for a in addresses if a.email and not is_ours(a.email, ours)}.values())


def first_match(email: str, patterns: Iterable[str]) -> str:
    """The first pattern the address fits: a whole address, or *@domain. Empty when none does."""
    return next((p for p in patterns if fnmatchcase(email, p.strip().lower().replace("[", "[[]"))), "")
