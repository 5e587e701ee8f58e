"""A program that posts the mail itself, as message/rfc822 or as it likes."""

from __future__ import annotations

from collections.abc import Sequence

from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Posted, Unreadable, door


@door
class Raw:
    key = "raw"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        if not posted.body.strip():
            raise Unreadable("The request was empty.")
        return [Brought(posted.body, size=posted.size)]
