"""Is mail being worked on? Facts for monitoring, without names, addresses or error texts: nobody has to sign in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Max, Model
from django.utils import timezone
from django_q.models import Task

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import Alert, FetchRun, InboundMail, MailServer, OutboundMail
from mailchannel.services.schedule import rests

#: The schedule ticks every minute; two long fetches side by side may hold it up for a while.
SILENT_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person has to look at. `because` ends with what to do."""

    code: str
    because: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "because": self.because}


def snapshot() -> dict[str, Any]:
    """`ok` is False as soon as there is a problem; the other keys are the facts behind it."""
    now = timezone.now()
    try:
        facts = _facts(now)
    except DatabaseError:
        return _answer({"database": "unreachable"}, [_DATABASE])
    return _answer(facts, list(_problems(facts)))


def _answer(facts: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    return {"ok": not problems, "problems": [each.as_json() for each in problems], **facts}


def _facts(now: datetime) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    seen = _last_sign_of_work()
    return {
        "database": "ok",
        "worker": {"last_seen": _iso(seen), "seconds_ago": int((now - seen).total_seconds()) if seen else None},
        "mail_servers": _servers(),
        "waiting": {
            "received": InboundMail.objects.filter(outcome=Outcome.RECEIVED).count(),
            "to_send": OutboundMail.objects.filter(state__in=("queued", "sending")).count(),
        },
        "failed": {"to_send": OutboundMail.objects.filter(state=OutboundMail.State.FAILED).count()},
    }


def _servers() -> list[dict[str, Any]]:
    stopped = _stopped_by_itself()
    published = MailServer.objects.exclude(status=MailServer.Status.DRAFT).defer("secrets")
    return [_server(each, stopped=each.pk in stopped) for each in published]


def _stopped_by_itself() -> frozenset[int]:
    """Mail servers that were paused because too many of their mails failed, not by a person."""
    alerts = Alert.objects.filter(kind=Alert.Kind.STOPPED, ended_at=None, server__status=MailServer.Status.PAUSED)
    return frozenset(alerts.values_list("server_id", flat=True))


def _server(server: MailServer, *, stopped: bool) -> dict[str, Any]:
    return {
        "id": server.pk,
        "status": server.status,
        "stopped": stopped,
        "failures": server.failures,
        "tries_allowed": server.max_tries,
        "last_success": _iso(server.last_success_at),
    }


def _problems(facts: dict[str, Any]) -> Iterator[Problem]:
    silent_for = facts["worker"]["seconds_ago"]
    if silent_for is None:
        yield Problem("worker.never_seen", f"No worker has done anything yet. {_START}")
    elif silent_for > SILENT_AFTER.total_seconds():
        yield Problem("worker.silent", f"The worker has done nothing for {silent_for // 60} minutes. {_START}")
    for server in facts["mail_servers"]:
        if server["status"] == MailServer.Status.FAILED or server["failures"] >= server["tries_allowed"]:
            page = f"/admin/mailchannel/mailserver/{server['id']}/"
            yield Problem("mail_server.failing", f"Mail server {server['id']} cannot be read. See why at {page}")
        if server["stopped"]:
            page = f"/admin/mailchannel/mailserver/{server['id']}/"
            because = f"Mail server {server['id']} stopped: too many of its mails failed. See which at {page}"
            yield Problem("mail_server.stopped", because)


@dataclass(frozen=True, slots=True)
class Late:
    """A mail server whose mail may come late, and why; `said` is for administrators."""

    server: MailServer
    since: datetime | None
    said: str


def late(now: datetime | None = None) -> Sequence[Late]:
    """For the people at the desk: a quiet queue may be a broken mailbox. One failed connection is none yet."""
    now = now or timezone.now()
    stopped = _stopped_by_itself()
    published = MailServer.objects.exclude(status=MailServer.Status.DRAFT).defer("secrets")
    return [found for server in published if (found := _late(server, stopped, now))]


def _late(server: MailServer, stopped: frozenset[int], now: datetime) -> Late | None:
    if server.pk in stopped:
        return Late(server, server.last_success_at, "Fetching stopped, because too many mails failed.")
    if server.status == MailServer.Status.PAUSED:
        return None
    fresh = server.last_success_at is not None and server.last_success_at > now - SILENT_AFTER
    if server.last_error and (not fresh or server.failures >= server.max_tries):
        return Late(server, server.last_success_at, server.last_error)
    due = server.next_fetch_at
    if due is not None and due < now - SILENT_AFTER and not rests(server, now):
        return Late(server, server.last_success_at, f"No worker has taken it up. {_START}")
    return None


def _last_sign_of_work() -> datetime | None:
    """Rows every worker leaves behind whatever it does, so that no heartbeat of its own is needed."""
    signs = (_latest(Task, "stopped"), _latest(FetchRun, "started"), _latest(FetchRun, "ended"))
    return max((sign for sign in signs if sign), default=None)


def _latest(model: type[Model], column: str) -> datetime | None:
    found: datetime | None = model._default_manager.aggregate(latest=Max(column))["latest"]
    return found


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


_START = "Start one: manage.py up, or manage.py qcluster."
_DATABASE = Problem("database.unreachable", "The database does not answer. Check DATABASE_URL and the server.")
