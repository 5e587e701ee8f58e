"""Ticket numbers and the signatures that prove a mail answers one of ours. Pure.

A number is the primary key in other clothes, so it needs no column and no second write. A signature binds a ticket to
one mail of ours (or to its reply address): who knows a number still cannot forge it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

PREFIX = "HD"
FIRST = 1000
_NUMBER = re.compile(rf"{PREFIX}-([1-9][0-9]{{3,14}})", re.IGNORECASE | re.ASCII)
_SIGNATURE_CHARACTERS = 20  # base32: 100 bits


def format_number(pk: int) -> str:
    """1 → HD-1001."""
    return f"{PREFIX}-{FIRST + pk}"


def parse_number(number: str) -> int | None:
    """The primary key a number stands for, or None when it is not a number of ours. ASCII digits only."""
    match = _NUMBER.fullmatch(number.strip())
    pk = int(match[1]) - FIRST if match else 0
    return pk if pk > 0 else None


def sign(key: bytes, pk: int, mail: str) -> str:
    """`mail` tells our mails apart: "n17" for the one note 17 became, "reply" for the reply address."""
    digest = hmac.new(key, f"ticket {pk} mail {mail}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_SIGNATURE_CHARACTERS]


def is_signed(keys: Iterable[bytes], pk: int, mail: str, signature: str) -> bool:
    """Constant time; any of the keys may have signed (they rotate)."""
    given = signature.lower().encode("utf-8", "replace")
    return any([hmac.compare_digest(sign(key, pk, mail).encode(), given) for key in keys])
