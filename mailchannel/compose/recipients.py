"""Whom a mail is addressed to by its own headers: some servers deliver by nothing else. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from email.parser import HeaderParser
from email.utils import getaddresses

FIELDS = ("To", "Cc", "Bcc")


def misdirected(raw: bytes, recipients: Sequence[str]) -> list[str]:
    """Addresses that are in the headers or among the recipients, and not in both. Upper and lower case count as one."""
    return sorted(_addressed(raw) ^ {address.casefold() for address in recipients})


def _addressed(raw: bytes) -> set[str]:
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))  # RFC 6532: addresses may be written in UTF-8
    values = [str(value) for name in FIELDS for value in headers.get_all(name, [])]
    return {address.casefold() for _, address in getaddresses(values) if address}
