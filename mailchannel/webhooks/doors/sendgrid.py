"""SendGrid's Inbound Parse. With “POST the raw, full MIME message” mail comes as it was sent; else it is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from anymail.webhooks.sendgrid import SendGridInboundWebhookView

from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Posted, Unreadable, door
from mailchannel.webhooks.payload import Form, form
from mailchannel.webhooks.rebuilt import UNUSED, as_request, understood, written


@door
class SendGrid:
    key = "sendgrid"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        found = form(posted)
        size = posted.size if posted.cut else 0
        if found.fields.get("email"):
            return [Brought(found.fields["email"], size=size)]
        if "headers" not in found.fields:
            raise Unreadable("This is a form, but not of a mail.")
        return [Brought(_mail(found), size=size)]


def _mail(found: Form) -> bytes:
    with understood("SendGrid"):
        view = SendGridInboundWebhookView(**UNUSED)
    request = as_request(found, **_texts(found), charsets="{}")
    return written("SendGrid", lambda: view.message_from_sendgrid_parsed(request))


def _texts(found: Form) -> dict[str, str]:
    """Each field is written in a charset of its own."""
    with understood("SendGrid"):
        charsets = json.loads(found.text("charsets") or "{}")
        wanted = {name: str(charsets.get(name) or "utf-8") for name in ("text", "html") if name in found.fields}
        return {name: _decoded(found.fields[name], charset) for name, charset in wanted.items()}


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset)
    except (LookupError, UnicodeError):
        return content.decode("utf-8", "replace")
