"""Postmark. With “Include raw email content” switched on the mail comes as it was sent; else it is rebuilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anymail.webhooks.postmark import PostmarkInboundWebhookView

from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Posted, Unreadable, door
from mailchannel.webhooks.payload import document
from mailchannel.webhooks.rebuilt import UNUSED, as_file, understood, unfolded, written


@door
class Postmark:
    key = "postmark"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        data = document(posted)
        if data.get("RecordType", "Inbound") != "Inbound":
            raise Unreadable("This is a report of Postmark, no mail. Enter this address as the inbound webhook only.")
        size = posted.size if posted.cut else 0
        return [Brought(self._mail(data), key=_text(data.get("MessageID")), size=size)]

    def _mail(self, data: dict[str, Any]) -> bytes:
        raw = data.get("RawEmail")
        if isinstance(raw, str) and raw.strip():
            return raw.encode("utf-8", "surrogatepass")
        if "FromFull" not in data and "Headers" not in data:
            raise Unreadable("This is JSON, but not of a mail.")
        view = PostmarkInboundWebhookView(**UNUSED)
        return written("Postmark", lambda: view.esp_to_anymail_event(_cleaned(data)).message)


def _cleaned(data: dict[str, Any]) -> dict[str, Any]:
    """An empty Content-ID, as Outlook's attachments have it, would make anymail take them for pictures in the text."""
    texts = {name: data[name] for name in ("TextBody", "HtmlBody") if data.get(name)}
    with understood("Postmark"):
        files = [_file(each) for each in data.get("Attachments") or ()]
    others = {name: value for name, value in data.items() if name not in (*texts, "Attachments", "RawEmail")}
    return {**unfolded(others), **texts, "Attachments": files}


def _file(told: dict[str, Any]) -> dict[str, Any]:
    """Only what is short is looked through for folds."""
    content = {name: told[name] for name in ("Content", "Data") if name in told}
    others = unfolded({name: value for name, value in told.items() if name not in content})
    kind = as_file(told.get("ContentType") or "application/octet-stream")
    return {**others, **content, "ContentType": kind, "ContentID": told.get("ContentID") or None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
