"""To, Cc and Reply-To to addresses: whatever can be understood of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator

from mailchannel.kernel.types import Address
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.tokens import Kind, Token, tokens
from mailchannel.parsing.words import decode_words, unfold

#: Characters nobody sees: they only make one name look like another.
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
OBSOLETE_DOT = re.compile(r"\s*\.\s*")
LONGEST_NAME = 500
LONGEST_ADDRESS = 320
LONGEST_DOMAIN = 253


def address_list(values: Iterable[bytes], limits: Limits = DEFAULT) -> tuple[Address, ...]:
    """The mailboxes of a header, groups dissolved, each address once. What is no address is left out."""
    found: dict[str, Address] = {}
    for value in values:
        for chunk in mailboxes(tokens(unfold(value))):
            address = _address(chunk)
            if address is not None:
                found.setdefault(address.email, address)
            if len(found) >= limits.addresses:
                return tuple(found.values())
    return tuple(found.values())


def mailboxes(stream: Iterable[Token]) -> Iterator[list[Token]]:
    """Cuts a list at its commas (and, as some programs write, semicolons); the name of a group is dropped."""
    chunk: list[Token] = []
    inside = False
    for token in stream:
        if token.sign("<>"):
            inside = token.text == "<"
        if token.sign(",;") and not inside:
            yield chunk
            chunk = []
        elif token.sign(":") and not inside and not any(known.sign("@") for known in chunk):
            chunk = []
        else:
            chunk.append(token)
    yield chunk


def display_name(words: Iterable[Token]) -> str:
    """The phrase in front of an address as a person reads it."""
    text = "".join(" " if word.kind is Kind.BLANK else word.text for word in words if word.kind is not Kind.COMMENT)
    return clean_name(decode_words(text))


def clean_name(text: str) -> str:
    return " ".join(INVISIBLE.sub("", text).split())[:LONGEST_NAME]


def canonical(local: str, domain: str) -> str:
    """Lower case, the domain in ASCII where it can be; empty when it cannot be an address."""
    domain = domain.strip().strip(".").lower()
    if not domain.isascii() and len(domain) <= LONGEST_DOMAIN:  # longer ones make the codec slow
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    email = f"{local.strip().lower()}@{domain}"
    return email if local and domain and len(email) <= LONGEST_ADDRESS else ""


def _address(chunk: list[Token]) -> Address | None:
    opening = next((at for at, token in enumerate(chunk) if token.sign("<")), None)
    if opening is None:
        spec, name = [t for t in chunk if t.kind is not Kind.COMMENT], ""
        comments = [token.text for token in chunk if token.kind is Kind.COMMENT]
        name = clean_name(decode_words(comments[-1])) if comments else ""
    else:
        inside = chunk[opening + 1 :]
        closing = next((at for at, token in enumerate(inside) if token.sign(">")), len(inside))
        spec, name = inside[:closing], display_name(chunk[:opening])
    email = _spec(spec)
    return Address(email, name) if email else None


def _spec(spec: list[Token]) -> str:
    """`local@domain` of the tokens, a source route (`@relay:`) left out."""
    text = [token.text for token in spec if token.kind is not Kind.COMMENT]
    if ":" in text:
        text = text[len(text) - text[::-1].index(":") :]
    if "@" not in text:
        return ""
    at = len(text) - 1 - text[::-1].index("@")
    local, domain = "".join(text[:at]).split(), OBSOLETE_DOT.sub(".", "".join(text[at + 1 :])).split()
    if not local or not domain:
        return ""
    return canonical(INVISIBLE.sub("", local[-1]), INVISIBLE.sub("", domain[0]))
