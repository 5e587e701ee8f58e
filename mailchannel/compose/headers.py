"""What every mail of ours carries so that it is recognised again: signed ids, threading headers, a loop mark."""

from __future__ import annotations

import re
from typing import NamedTuple

LOOP_HEADER = "X-Helpdesk-Mailbox"

# <hd-1041.n17.signature@example.com> and support+hd-1041.signature@example.com
_MESSAGE_ID = re.compile(
    r"(?P<number>[a-z]{2}-[0-9]{4,15})\.(?P<mail>[a-z]{1,8}[0-9]{0,18})\.(?P<signature>[a-z2-7]{20})@.+", re.A | re.I
)
_REPLY_ADDRESS = re.compile(r"[^@]+\+(?P<number>[a-z]{2}-[0-9]{4,15})\.(?P<signature>[a-z2-7]{20})@.+", re.A | re.I)
_TAG = re.compile(r"\[(?P<number>[A-Z]{2}-[0-9]{4,15})\]", re.A | re.I)

#: Long chains lose their middle: the first id names the conversation, the last ones the place in it.
LONGEST_CHAIN = 20


class Claim(NamedTuple):
    """What an id or address of ours claims; `mail` tells our mails about one ticket apart. Worth nothing unsigned."""

    number: str
    mail: str
    signature: str


def message_id(number: str, mail: str, signature: str, domain: str) -> str:
    """Without angle brackets."""
    return f"{number.lower()}.{mail}.{signature}@{domain}"


def read_message_id(value: str) -> Claim | None:
    match = _MESSAGE_ID.fullmatch(value)
    return Claim(match["number"].upper(), match["mail"].lower(), match["signature"].lower()) if match else None


def reply_address(address: str, number: str, signature: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}+{number.lower()}.{signature}@{domain}"


def read_reply_address(address: str) -> Claim | None:
    match = _REPLY_ADDRESS.fullmatch(address)
    return Claim(match["number"].upper(), "reply", match["signature"].lower()) if match else None


def subject_tag(subject: str) -> str:
    """The one ticket number tagged in a subject; two different ones prove nothing."""
    numbers = {match["number"].upper() for match in _TAG.finditer(subject[:1000])}
    return numbers.pop() if len(numbers) == 1 else ""


def tagged(subject: str, number: str) -> str:
    """`Re: subject [HD-1041]`, without growing at every turn."""
    bare = _TAG.sub("", subject).strip() or "(no subject)"
    return f"{bare if bare[:3].lower() == 're:' else f'Re: {bare}'} [{number}]"


def chain(references: list[str]) -> list[str]:
    """The References of an answer, oldest first."""
    unique = list(dict.fromkeys(references))
    return unique if len(unique) <= LONGEST_CHAIN else [unique[0], *unique[-(LONGEST_CHAIN - 1) :]]
