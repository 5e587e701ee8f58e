"""To, Cc and Reply-To to addresses: whatever can be understood of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import idna

from mailchannel.kernel.types import Address
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.tokens import Kind, Token, tokens
from mailchannel.parsing.words import decode_words, unfold

#: Characters nobody sees: they only make one name look like another.
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
NOT_IN_ADDRESSES = re.compile(r"[\s<>()@,;:\"\\]")
LONGEST_NAME = 500
LONGEST_ADDRESS = 320
LONGEST_DOMAIN = 253


def address_list(values: Iterable[bytes], limits: Limits = DEFAULT) -> tuple[Address, ...]:
    """The mailboxes of a header, groups dissolved, each address once. What is no address is left out."""
    found: dict[str, Address] = {}
    for value in values:
        for address in addresses(tokens(unfold(value))):
            found.setdefault(address.email, address)
            if len(found) >= limits.addresses:
                return tuple(found.values())
    return tuple(found.values())


def addresses(stream: Iterable[Token]) -> Iterator[Address]:
    for chunk in mailboxes(stream):
        address = _address(chunk)
        if address is not None:
            yield address


def mailboxes(stream: Iterable[Token]) -> Iterator[list[Token]]:
    """Cuts a list at its commas (and, as some programs write, semicolons); the name of a group is dropped.

    A comma between angle brackets cuts, too: somebody forgot the closing one.
    """
    chunk: list[Token] = []
    inside = addressed = False
    for token in stream:
        if token.sign("<>"):
            inside = token.text == "<"
        addressed = addressed or token.sign("@")
        if token.sign(",;"):
            yield chunk
            chunk, inside, addressed = [], False, False
        elif token.sign(":") and not (inside or addressed):
            chunk = []
        else:
            chunk.append(token)
    yield chunk


def display_name(words: Iterable[Token]) -> str:
    """The phrase in front of an address as a person reads it."""
    text = "".join(" " if word.kind is Kind.BLANK else word.text for word in words if word.kind is not Kind.COMMENT)
    return clean_name(decode_words(text))


def name_in_comment(words: Iterable[Token]) -> str:
    """What old programs write: `ana@client.example (Ana Costa)`."""
    comments = [word.text for word in words if word.kind is Kind.COMMENT]
    return clean_name(decode_words(comments[-1])) if comments else ""


def clean_name(text: str) -> str:
    return " ".join(INVISIBLE.sub("", text).split())[:LONGEST_NAME]


def ascii_domain(domain: str) -> str:
    """`Bücher.example` → `xn--bcher-kva.example`; empty when no domain can be called that.

    UTS 46 without the old rules for ß and ς: those led to a domain that belongs to somebody else.
    """
    if domain.isascii():
        return domain.lower()
    if len(domain) > LONGEST_DOMAIN:  # longer ones make the codec slow
        return ""
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return ""


def canonical(local: str, domain: str) -> str:
    """Lower case, the domain in ASCII where it can be; empty when it cannot be an address."""
    domain = domain.strip(".")
    if not local or not domain or NOT_IN_ADDRESSES.search(local + domain):
        return ""
    email = f"{local.lower()}@{ascii_domain(domain) or domain.lower()}"
    return email if len(email) <= LONGEST_ADDRESS else ""


def _address(chunk: list[Token]) -> Address | None:
    opening = next((at for at, token in enumerate(chunk) if token.sign("<")), -1)
    inside = chunk[opening + 1 :]
    closing = next((at for at, token in enumerate(inside) if token.sign(">")), len(inside))
    email = _spec(inside[:closing])
    name = display_name(chunk[: max(opening, 0)]) or name_in_comment(chunk)
    return Address(email, name) if email else None


def _spec(spec: list[Token]) -> str:
    """`local@domain` of the tokens, a source route (`@relay:`) left out."""
    words = [token for token in spec if token.kind is not Kind.COMMENT]
    words = words[_last(words, ":") + 1 :]
    at = _last(words, "@")
    if at < 1:
        return ""
    quoted = words[at - 1].kind is Kind.QUOTED and (at == 1 or words[at - 2].kind is Kind.BLANK)
    local = words[at - 1].text if quoted else _close_up(words[:at]).rpartition(" ")[2]
    return canonical(INVISIBLE.sub("", local), INVISIBLE.sub("", _close_up(words[at + 1 :]).partition(" ")[0]))


def _last(words: list[Token], sign: str) -> int:
    return max((at for at, word in enumerate(words) if word.sign(sign)), default=-1)


def _close_up(words: list[Token]) -> str:
    """One text with single blanks, none of them beside a dot: old programs wrote `ana@client . example`."""
    text = " ".join("".join(word.text for word in words).split())
    return text.replace(" .", ".").replace(". ", ".")
