"""Whose addresses are these: ours, one of a list, and where in a mail do ours stand?

Sub-addresses (RFC 5233, support+x@…) count as the mailbox itself. Domains are compared as ASCII, so that both spellings
of `bücher.example` are one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.parsing.addresses import ascii_domain

#: Written by servers on the way: whom the mail was delivered to, whatever To and Cc say.
ENVELOPE_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "x-delivered-to")
#: Written by whoever passed the mail on as it was (RFC 5322, 3.6.6).
RESENT_HEADERS = {"resent-to": "To", "resent-cc": "Cc"}
_IN_HEADER = re.compile(r"[^\s<>,;:\"()]{1,64}@[^\s<>,;:\"()]{1,253}")
_RECEIVED_FOR = re.compile(r"\bfor\s{1,5}<?([^\s<>;]{1,64}@[^\s<>;]{1,253})")
LOOKED_AT = 1_000  # characters of a header; addresses stand at its beginning
MOST_VALUES = 20  # of a header that stands there several times


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
    return next((p for p in patterns if fnmatchcase(email, _spelled(p).replace("[", "[[]"))), "")


def domain_fits(domain: str, pattern: str) -> bool:
    """`example.com` is only itself, `*.example.com` is everything below it and not itself."""
    wanted = _ascii(pattern.strip().lower())
    return domain == wanted or (wanted.startswith("*.") and domain.endswith(wanted[1:]))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address of ours stands. `because` says it for the trace; `address` is empty where none was seen."""

    where: str  # To, Cc or Bcc
    address: str
    because: str


def place_of(mail: ParsedMail, ours: Collection[str]) -> Place:
    """A mail that reached us without naming us in To or Cc was sent to us in Bcc, whether a header says so or not."""
    absent = Place("Bcc", "", f"none of {', '.join(sorted(ours))} stands in To or Cc")
    return next((place for place in _places(mail) if is_ours(place.address, ours)), absent)


def _places(mail: ParsedMail) -> Iterator[Place]:
    """Whoever the mail was sent to, the plainest signs first."""
    for where, named in (("To", mail.to), ("Cc", mail.cc)):
        yield from (Place(where, each.email, f"{each.email} stands in {where}") for each in named)
    for name, where in RESENT_HEADERS.items():
        for each in _addresses(mail, name):
            yield Place(where, each, f"somebody passed it on, with {each} in {name.title()}")
    for name in ENVELOPE_HEADERS:
        yield from (_hidden(each, name.title()) for each in _addresses(mail, name))
    lines = (_RECEIVED_FOR.search(value[:LOOKED_AT]) for value in mail.headers.get("received", ())[:MOST_VALUES])
    yield from (_hidden(_canonical(found[1]), "Received") for found in lines if found)


def _hidden(address: str, header: str) -> Place:
    return Place("Bcc", address, f"only {header} names {address}, neither To nor Cc")


def _addresses(mail: ParsedMail, name: str) -> Iterator[str]:
    for value in mail.headers.get(name, ())[:MOST_VALUES]:
        for found in _IN_HEADER.finditer(value[:LOOKED_AT]):
            yield _canonical(found[0])


def _canonical(email: str) -> str:
    local, at, domain = email.rpartition("@")
    return f"{local.lower()}{at}{_ascii(domain.strip('.').lower())}"


def _spelled(pattern: str) -> str:
    local, at, domain = pattern.strip().lower().rpartition("@")
    return f"{local}{at}{_ascii(domain)}"


def _ascii(domain: str) -> str:
    """In ASCII where it can be, with the `*.` of a pattern left in front."""
    wild = "*." if domain.startswith("*.") else ""
    name = domain[len(wild) :]
    return wild + (ascii_domain(name) or name)
