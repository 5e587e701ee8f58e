"""tickets says something happened; write it to the outbox in the same transaction."""

from __future__ import annotations

from typing import Any

from mailchannel.services import desk
from mailchannel.services.queueing import queue_reply
from tickets.api import AgentReply, agent_replied, hooks


def on_agent_replied(reply: AgentReply, **kwargs: Any) -> None:
    queue_reply(reply)


def connect() -> None:
    agent_replied.connect(on_agent_replied, dispatch_uid="mailchannel.agent_replied")
    hooks.delivery_states.append(desk.deliveries)
    hooks.origin_links.append(desk.trace_link)
    hooks.remarks.append(desk.mail_remarks)
    hooks.readings.append(desk.mail_reading)
    hooks.notices.append(desk.channel_notices)
