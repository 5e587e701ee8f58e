"""Whether and how mail leaves by a mail server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.specs import FieldSpec
from mailchannel.models import MailServer
from mailchannel.network.web_address import host_of
from mailchannel.senders import SENDERS

PROTOCOL = FieldSpec("protocol", "Protocol")


def can_send(server: MailServer) -> bool:
    """Sending is set up. Left empty, mail still comes in, and no answer leaves."""
    return is_set_up(server.sending_protocol, server.sending)


def through(server: MailServer) -> str:
    """What mail leaves through, as people call it; empty where sending is not set up."""
    if not can_send(server):
        return ""
    host = server.sending.get("host") or host_of(str(server.sending.get("url") or ""))
    return str(host or SENDERS[server.sending_protocol].label)


def is_set_up(protocol: str, sending: Mapping[str, Any]) -> bool:
    """Where mail is handed over is known. Who signs in there, and how, is another question."""
    return lacking(protocol, sending) is None


def lacking(protocol: str, sending: Mapping[str, Any]) -> FieldSpec | None:
    """The first setting without which nobody knows where to."""
    if protocol not in SENDERS:
        return PROTOCOL
    needed = (spec for spec in SENDERS[protocol].fields if spec.required and not spec.auths)
    return next((spec for spec in needed if not (sending.get(spec.name) or spec.default)), None)
