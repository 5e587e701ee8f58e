"""A copy of what left by SMTP, in the Sent folder of the mailbox we read: people look there for what was answered.

Exchange and Microsoft Graph keep their own; here the mailbox is asked, after the mail has gone and that is noted.
"""

from __future__ import annotations

import logging

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer, OutboundMail
from mailchannel.senders import SENDERS
from mailchannel.services.connecting import opened
from mailchannel.services.doctor.folders import named
from mailchannel.transports import TRANSPORTS, Keeper, Transport, TransportError

log = logging.getLogger(__name__)

SMTP = "smtp"
SENT = "Sent"
MISSED = "It was sent, but no copy could be put into the Sent folder: "


def wanted(server: MailServer) -> bool:
    """Asked for, by somebody who sends through a server that does not do it itself."""
    if server.sending_protocol != SMTP:
        return False
    return bool(with_defaults(SENDERS[SMTP].fields, server.sending)["keep_copy"])


def possible(server: MailServer) -> bool:
    """The mailbox we read takes mail from us."""
    return server.protocol in TRANSPORTS and issubclass(TRANSPORTS[server.protocol], Keeper)


def keep(mail: OutboundMail) -> str:
    """What people should know when it could not be kept; empty when it was, or nobody wants it. What we tell the team
    of the mailbox itself is no answer to anybody, and is not kept.
    """
    server = mail.server
    if mail.kind == OutboundMail.Kind.ALERT or not wanted(server) or not possible(server):
        return ""
    try:
        with opened(server) as box:
            if isinstance(box, Keeper):
                box.put(bytes(mail.raw), _sent_folder(box))
    except TransportError as error:
        log.warning("mail %s to %s was sent and left no copy: %s", mail.pk, server, error)
        return f"{MISSED}{error}"
    return ""


def _sent_folder(box: Transport) -> str:
    """The one the server says it is; else the one that is called so, made when there is none."""
    listed = [folder for folder in box.folders() if folder.selectable]
    found = next((folder for folder in listed if folder.special_use == "sent"), None) or named(SENT, listed)
    return found.name if found else box.ensure_folder(SENT)
