"""Mailgun's routes. An address that ends with “mime” makes Mailgun send the mail as it was; ours does not have to, the
route's own “raw MIME” form works as well. With a signing key every request has to be signed, not long ago.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Final

from anymail.webhooks.mailgun import MailgunInboundWebhookView

from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Posted, Refused, Unreadable, door
from mailchannel.webhooks.payload import Form, form
from mailchannel.webhooks.rebuilt import UNUSED, as_request, written

FRESH: Final = 3_600  # seconds; Mailgun signs each attempt anew


@door
class Mailgun:
    key = "mailgun"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        found = form(posted)
        if key := str(inbox.settings.get("signing_key") or ""):
            _check(found, key)
        if found.text("event") not in ("", "inbound"):
            raise Unreadable("This is a report of Mailgun, not a mail. Use this address in a route only.")
        size = posted.size if posted.cut else 0
        if found.fields.get("body-mime"):
            return [Brought(found.fields["body-mime"], size=size)]
        if "message-headers" not in found.fields:
            raise Unreadable("This is a form, but not of a mail. A route has to forward the mail, not to store it.")
        view = MailgunInboundWebhookView(**UNUSED, webhook_signing_key="unused")
        request = as_request(found)
        return [Brought(written("Mailgun", lambda: view.message_from_mailgun_parsed(request)), size=size)]


def _check(found: Form, key: str) -> None:
    stamp, token, signature = (found.text(name)[:200] for name in ("timestamp", "token", "signature"))
    wanted = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.encode()):
        raise Refused("the signature is wrong")
    if not (stamp.isascii() and stamp.isdecimal()) or abs(time.time() - int(stamp)) > FRESH:
        raise Refused("the signature is more than an hour old")
