"""Who wrote this mail: exactly one address, or nobody and why.

The address found here is checked against the allowed domains, stored, shown and answered. It is therefore read
strictly: whatever two programs could read differently is no sender at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mailchannel.kernel.types import Address
from mailchannel.parsing.addresses import (
    LONGEST_ADDRESS,
    LONGEST_DOMAIN,
    addresses,
    clean_name,
    display_name,
    name_in_comment,
)
from mailchannel.parsing.charset import decode
from mailchannel.parsing.tokens import SPACES, Kind, Token, tokens
from mailchannel.parsing.words import decode_words, unfold

LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})*")


class Unreadable(Exception):
    """Why there is no sender, said to a person. Never leaves this module."""


@dataclass(frozen=True, slots=True)
class Sender:
    address: Address | None
    problem: str = ""


def read_sender(values: Sequence[bytes], *, forgiven: bool = False) -> Sender:
    """`values` are all From headers; `forgiven` says that one of them was recognised only by guessing."""
    try:
        value = _the_one(values, forgiven=forgiven)
        address = _mailbox(list(tokens(unfold(value))))
        _refuse_other_readings(value, address)
        return Sender(address)
    except Unreadable as why:
        return Sender(None, str(why))


def _the_one(values: Sequence[bytes], *, forgiven: bool) -> bytes:
    if not values:
        raise Unreadable("The mail has no From header.")
    if len(values) > 1:
        raise Unreadable(f"The mail has {len(values)} From headers.")
    if forgiven:
        raise Unreadable("The From header is not written as one.")
    if b"\x00" in values[0]:
        raise Unreadable("The From header holds a NUL character.")
    if b"\r" in values[0]:
        raise Unreadable("The From header holds a line break of its own.")
    return values[0]


def _mailbox(found: list[Token]) -> Address:
    if all(token.kind in SPACES for token in found):
        raise Unreadable("The From header is empty.")
    _refuse_ambiguity(found)
    opening = next((at for at, token in enumerate(found) if token.sign("<")), None)
    closing = next((at for at, token in enumerate(found) if token.sign(">")), None)
    if opening is None and closing is None:
        return Address(_email(_trimmed(found)), name_in_comment(found))
    if opening is None or closing is None or closing < opening:
        raise Unreadable("An angle bracket in the From header has no partner.")
    if any(token.kind not in SPACES for token in found[closing + 1 :]):
        raise Unreadable("The From header goes on after the address.")
    return Address(_email(_trimmed(found[opening + 1 : closing])), display_name(found[:opening]))


def _refuse_ambiguity(found: list[Token]) -> None:
    if any(token.kind is Kind.BROKEN for token in found):
        raise Unreadable("A quote or parenthesis in the From header has no partner.")
    if any(token.sign(",") for token in found):
        raise Unreadable("The From header names more than one mailbox.")
    if any(token.sign(":;") for token in found):
        raise Unreadable("The From header holds a group or a route instead of a mailbox.")
    if sum(token.sign("<") for token in found) > 1 or sum(token.sign(">") for token in found) > 1:
        raise Unreadable("The From header names more than one mailbox.")


def _refuse_other_readings(value: bytes, address: Address) -> None:
    """Other programs may know no encoded words, or take the bytes for another charset: they must find nobody else."""
    text = unfold(value)
    seen = addresses(tokens(text, encoded_words=False)) if "=?" in text else ()
    if any(other.email != address.email for other in seen):
        raise Unreadable("An encoded word in the From header hides another address.")
    written = value.decode("utf-8", "replace").lower()
    local, _, domain = address.email.rpartition("@")
    if f"{local}@{domain}" not in written and f'{local}"@{domain}' not in written:
        raise Unreadable("The address does not stand in the From header letter by letter.")


def _trimmed(spec: list[Token]) -> list[Token]:
    """Without blanks and comments around it; inside an address they are refused."""
    while spec and spec[0].kind in SPACES:
        spec = spec[1:]
    while spec and spec[-1].kind in SPACES:
        spec = spec[:-1]
    return spec


def _email(spec: list[Token]) -> str:
    if sum(token.sign("@") for token in spec) != 1:
        raise Unreadable("The From header holds no address." if spec else "The address in the From header is empty.")
    if any(token.kind is Kind.ENCODED or "=?" in token.text for token in spec):
        raise Unreadable("The address in the From header is encoded, which is not allowed.")
    if len(spec) != 3 or spec[1].text != "@":
        raise Unreadable("The address in the From header holds blanks or comments, or has an empty half.")
    local, domain = spec[0].text, spec[2].text.lower()
    if LOCAL.fullmatch(local) is None or unicodedata.normalize("NFKC", local) != local:
        raise Unreadable("The address in the From header holds characters that do not belong there.")
    if not spec[2].text.isascii():  # asked before lowering: that turns the sign for kelvin into a plain k
        raise Unreadable("The domain in the From header is not written in plain ASCII.")
    if spec[2].kind is not Kind.ATOM or len(domain) > LONGEST_DOMAIN or DOMAIN.fullmatch(domain) is None:
        raise Unreadable("The domain in the From header is not a plain domain name.")
    if len(local) + 1 + len(domain) > LONGEST_ADDRESS:
        raise Unreadable(f"The address in the From header is longer than {LONGEST_ADDRESS} characters.")
    return f"{local.lower()}@{domain}"


def shown(values: Sequence[bytes]) -> str:
    """The From headers as a person would see them, for the log."""
    return clean_name(", ".join(decode_words(decode(value)) for value in values))
