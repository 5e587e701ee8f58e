"""What django-q calls. Ids in, small numbers out, no logic here."""

from __future__ import annotations

from mailchannel.models import MailServer
from mailchannel.services import debug, outbox, retention, schedule, self_test
from mailchannel.services.fetch import fetch
from mailchannel.services.settle import settle_all
from mailchannel.services.sign_in import forecast
from mailchannel.services.watching import calls


def tick() -> int:
    """Once a minute: hand out due fetches, mails and tests, and settle what a dead process left."""
    schedule.hand_out_fetches()
    for outbound_id in outbox.due_mails():
        schedule.send_soon(outbound_id)
    for server_id in self_test.claim_due():
        schedule.test_soon(server_id)
    self_test.remind_of_old_secrets()
    debug.forget_old()
    return sum(settle_all().values())


def remind_of_ends() -> int:
    """Once an hour: a thousand mail servers that sign in by OAuth take seconds, and what ends does so on a day."""
    return forecast.remind()


def fetch_server(server_id: int) -> int:
    server = MailServer.objects.filter(pk=server_id, status__in=MailServer.LIVE).first()
    return fetch(server).fetched if server else 0


def follow(server_id: int) -> int:
    return calls.follow(server_id)


def test_server(server_id: int) -> bool:
    server = MailServer.objects.filter(pk=server_id, status__in=MailServer.LIVE).first()
    return self_test.run(server) if server else False


def send_mail(outbound_id: int) -> str:
    return outbox.send(outbound_id)


def remove_raw_mails() -> int:
    """Once a day; again at once while there are more than one run removes."""
    removed = retention.remove_old()
    if removed >= retention.MOST_OF_A_RUN:
        schedule.remove_raw_mails_soon()
    return removed
