"""Who works when: one tick a minute hands out what is due; everything else is a task with an id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from mailchannel.models import MailServer

TICK = "tick"
EVERY_MINUTE = {"func": "mailchannel.tasks.tick", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
RETENTION = "retention"
EVERY_DAY = {"func": "mailchannel.tasks.remove_raw_mails", "schedule_type": Schedule.DAILY, "repeats": -1}


def ensure_schedule() -> None:
    """Exactly one schedule of each kind, however often we start; the first tick runs at once."""
    _ensure(TICK, EVERY_MINUTE)
    _ensure(RETENTION, EVERY_DAY)
    async_task("mailchannel.tasks.tick")


def _ensure(name: str, what: Mapping[str, Any]) -> None:
    first = Schedule.objects.filter(name=name).order_by("pk").first() or Schedule.objects.create(name=name, **what)
    Schedule.objects.filter(name=name).exclude(pk=first.pk).delete()
    Schedule.objects.filter(pk=first.pk).update(**what)


def fetch_soon(server_id: int) -> None:
    """Fetches without waiting for the next tick."""
    async_task("mailchannel.tasks.fetch_server", server_id)


def test_soon(server_id: int) -> None:
    async_task("mailchannel.tasks.test_server", server_id)


def send_soon(outbound_id: int) -> None:
    async_task("mailchannel.tasks.send_mail", outbound_id)


def remove_raw_mails_soon() -> None:
    async_task("mailchannel.tasks.remove_raw_mails")


def claim_due(now: datetime | None = None) -> list[int]:
    """Mail servers to fetch now. Claiming one sets its next time, so that two ticks never hand it out twice and a
    fetch that takes longer than its interval does not pile up.
    """
    now = now or timezone.now()
    due = MailServer.objects.filter(status__in=MailServer.LIVE).filter(
        Q(next_fetch_at=None) | Q(next_fetch_at__lte=now)
    )
    return [server.pk for server in due if not rests(server, now) and _claim(server, now)]


def _claim(server: MailServer, now: datetime) -> bool:
    unclaimed = MailServer.objects.filter(pk=server.pk, next_fetch_at=server.next_fetch_at)
    return unclaimed.update(next_fetch_at=now + timedelta(minutes=server.fetch_every_minutes)) == 1


def rests(server: MailServer, now: datetime) -> bool:
    """Inside one of its skip times; they may cross midnight."""
    clock = timezone.localtime(now).strftime("%H:%M")
    for window in server.skip_times:
        start, _, end = window.partition("-")
        if start <= clock < end if start <= end else (clock >= start or clock < end):
            return True
    return False
