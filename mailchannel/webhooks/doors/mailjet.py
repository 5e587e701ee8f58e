"""Mailjet's Parse API. It never sends the mail as it was, so it is rebuilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anymail.webhooks.mailjet import MailjetInboundWebhookView

from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Posted, Unreadable, door
from mailchannel.webhooks.payload import document
from mailchannel.webhooks.rebuilt import UNUSED, as_file, understood, unfolded, written


@door
class Mailjet:
    key = "mailjet"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        data = document(posted)
        if not isinstance(data.get("Headers"), dict):
            raise Unreadable("This is JSON, but not of a mail.")
        view = MailjetInboundWebhookView(**UNUSED)
        raw = written("Mailjet", lambda: view.esp_to_anymail_event(_cleaned(data, cut=posted.cut)).message)
        return [Brought(raw, size=posted.size if posted.cut else 0)]


def _cleaned(data: dict[str, Any], *, cut: bool) -> dict[str, Any]:
    """Headers on one line each; of a request that was cut the files are missing."""
    parts = [] if cut else unfolded(data.get("Parts") or [])
    with understood("Mailjet"):
        for part in parts:
            headers = part.get("Headers") or {}
            part["Headers"] = {
                name: as_file(value) if name.lower() == "content-type" else value for name, value in headers.items()
            }
    return {**data, "Headers": unfolded(data["Headers"]), "Parts": parts}
