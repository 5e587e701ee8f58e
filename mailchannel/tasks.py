"""What django-q calls. Ids in, small numbers out, no logic here."""

from __future__ import annotations

from mailchannel.models import MailServer
from mailchannel.services import outbox, schedule
from mailchannel.services.fetch import fetch
from mailchannel.services.settle import settle_all


def tick() -> int:
    """Once a minute: hand out due fetches and mails, and settle what a dead process left."""
    for server_id in schedule.claim_due():
        schedule.fetch_soon(server_id)
    for outbound_id in outbox.due_mails():
        schedule.send_soon(outbound_id)
    return sum(settle_all().values())


def fetch_server(server_id: int) -> int:
    server = MailServer.objects.filter(pk=server_id, status=MailServer.Status.ACTIVE).first()
    return fetch(server).fetched if server else 0


def send_mail(outbound_id: int) -> str:
    return outbox.send(outbound_id)
