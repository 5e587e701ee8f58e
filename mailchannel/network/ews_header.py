"""The header of a mail as Exchange keeps it apart from the mail."""

from __future__ import annotations

from typing import Any

from exchangelib.util import TNS

from mailchannel.network import stand_in
from mailchannel.network.ews_services import said
from mailchannel.network.stand_in import Header, Known

FIELDS = ("headers", "subject", "author", "message_id", "datetime_sent")


def header_block(item: Any) -> bytes:
    """With the empty line that ends it. `item` is an answer that has FIELDS."""
    return stand_in.header_block(_headers(item))


def substitute(item: Any, text: str) -> bytes:
    """A plain mail in place of one that cannot be had."""
    return stand_in.substitute(_headers(item), text, "Exchange")


def _headers(item: Any) -> list[Header]:
    found = item.iterfind(f"{{{TNS}}}InternetMessageHeaders/{{{TNS}}}InternetMessageHeader")
    arrived = [(str(each.get("HeaderName")), str(each.text or "")) for each in found]
    return arrived or list(_known_of(item).headers())


def _known_of(item: Any) -> Known:
    author = item.find(f"{{{TNS}}}From/{{{TNS}}}Mailbox")
    return Known(
        name="" if author is None else said(author, "Name"),
        address="" if author is None else said(author, "EmailAddress"),
        subject=said(item, "Subject"),
        message_id=said(item, "InternetMessageId"),
        sent=said(item, "DateTimeSent"),
    )
