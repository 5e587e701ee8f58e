"""Who works when: one tick a minute hands out what is due; everything else is a task with an id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from mailchannel.models import MailServer
from mailchannel.transports import TRANSPORTS

SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "tick": {"func": "mailchannel.tasks.tick", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    "forecast": {"func": "mailchannel.tasks.remind_of_ends", "schedule_type": Schedule.HOURLY, "repeats": -1},
    "retention": {"func": "mailchannel.tasks.remove_raw_mails", "schedule_type": Schedule.DAILY, "repeats": -1},
}


def ensure_schedule() -> None:
    """Exactly one schedule of each kind, however often we start; the first tick runs at once."""
    for name, what in SCHEDULES.items():
        _ensure(name, what)
    async_task("mailchannel.tasks.tick")


def _ensure(name: str, what: Mapping[str, Any]) -> None:
    first = Schedule.objects.filter(name=name).order_by("pk").first() or Schedule.objects.create(name=name, **what)
    Schedule.objects.filter(name=name).exclude(pk=first.pk).delete()
    Schedule.objects.filter(pk=first.pk).update(**what)


def fetch_soon(server_id: int) -> None:
    """Fetches without waiting for the next tick."""
    async_task("mailchannel.tasks.fetch_server", server_id)


def follow_soon(server_id: int) -> None:
    """Fetches what a mail server has called about."""
    async_task("mailchannel.tasks.follow", server_id)


def settle_soon(server_id: int) -> None:
    """For mail that was just brought: whoever brought it is answered before it is looked at."""
    async_task("mailchannel.services.push.settle_server", server_id)


def test_soon(server_id: int) -> None:
    async_task("mailchannel.tasks.test_server", server_id)


def send_soon(outbound_id: int) -> None:
    async_task("mailchannel.tasks.send_mail", outbound_id)


@transaction.atomic
def hand_out_fetches(now: datetime | None = None) -> int:
    """Claims and queues whatever is due, in one commit: a thousand of them would keep the disk busy for a minute."""
    claimed = claim_due(now)
    for server_id in claimed:
        fetch_soon(server_id)
    return len(claimed)


def remove_raw_mails_soon() -> None:
    async_task("mailchannel.tasks.remove_raw_mails")


@transaction.atomic
def claim_due(now: datetime | None = None) -> list[int]:
    """Mail servers to fetch now. Claiming one sets its next time, so that two ticks never hand it out twice and a
    fetch that takes longer than its interval does not pile up.
    """
    now = now or timezone.now()
    live = MailServer.objects.filter(status__in=MailServer.LIVE).order_by("pk").select_for_update()
    due = live.filter(Q(next_fetch_at=None) | Q(next_fetch_at__lte=now))
    claimed = [server for server in due.only("protocol", "skip_times", "fetch_every_minutes") if not rests(server, now)]
    for minutes in {server.fetch_every_minutes for server in claimed}:
        keys = [server.pk for server in claimed if server.fetch_every_minutes == minutes]
        MailServer.objects.filter(pk__in=keys).update(next_fetch_at=now + timedelta(minutes=minutes))
    return [server.pk for server in claimed if not is_brought(server)]


def is_brought(server: MailServer) -> bool:
    """Its mail comes by itself: there is nothing to fetch."""
    return server.protocol in TRANSPORTS and getattr(TRANSPORTS[server.protocol], "is_brought", False)


def rests(server: MailServer, now: datetime) -> bool:
    """Inside one of its skip times; they may cross midnight."""
    clock = timezone.localtime(now).strftime("%H:%M")
    for window in server.skip_times:
        start, _, end = window.partition("-")
        if start <= clock < end if start <= end else (clock >= start or clock < end):
            return True
    return False
