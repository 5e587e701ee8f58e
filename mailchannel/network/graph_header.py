"""A mail put together from what Graph says about it, where Graph cannot write it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.network import stand_in
from mailchannel.network.stand_in import Header, Known

FIELDS = "internetMessageHeaders,from,subject,internetMessageId,sentDateTime,body"
#: Graph turns what is HTML into text when it is asked so.
AS_TEXT = 'outlook.body-content-type="text"'


def substitute(message: Mapping[str, Any]) -> bytes:
    """A plain mail in place of one that cannot be had. `message` is an answer that has FIELDS."""
    return stand_in.substitute(_headers(message), _said(_part(message, "body"), "content"), "Microsoft 365")


def _headers(message: Mapping[str, Any]) -> list[Header]:
    found = message.get("internetMessageHeaders")
    arrived = [(_said(each, "name"), _said(each, "value")) for each in found or () if isinstance(each, Mapping)]
    return arrived or list(_known_of(message).headers())


def _known_of(message: Mapping[str, Any]) -> Known:
    author = _part(_part(message, "from"), "emailAddress")
    return Known(
        name=_said(author, "name"),
        address=_said(author, "address"),
        subject=_said(message, "subject"),
        message_id=_said(message, "internetMessageId"),
        sent=_said(message, "sentDateTime"),
    )


def _part(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = message.get(name)
    return found if isinstance(found, Mapping) else {}


def _said(message: Mapping[str, Any], name: str) -> str:
    return str(message.get(name) or "")
