"""One fetch run of one mail server, from the lease to the record of how it went."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import FetchRun, MailServer
from mailchannel.services import alerts, fail_folder
from mailchannel.services.connecting import opened
from mailchannel.services.debug import Notebook
from mailchannel.services.lease import Lease, LeaseLost, hold
from mailchannel.services.patience import patience
from mailchannel.services.receive import Fetch, Progress, Stopped, Tally
from mailchannel.services.settle import StorageTrouble, settle
from mailchannel.transports import TransportError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run went. `error` is empty when nothing stood in the way."""

    server: str
    fetched: int = 0
    opened: int = 0
    added: int = 0
    ignored: int = 0
    rejected: int = 0
    duplicates: int = 0
    failed: int = 0
    filed: int = 0
    seconds: float = 0.0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _silent(done: int, total: int) -> None:
    pass


def fetch(server: MailServer, *, wait: float = 0, progress: Progress = _silent) -> Report:
    """Fetches now, unless another worker does; waits for that one at most `wait` seconds.

    Raises nothing for a mail, a mail server or the storage: the report and the mail server's page say what happened.
    """
    try:
        return _fetch(server, wait, progress)
    except (DatabaseError, InterfaceError) as error:
        log.exception("fetching %s failed because of the database", server.name)
        return Report(server.name, error=f"The database does not answer as it should: {error}")


def _fetch(server: MailServer, wait: float, progress: Progress) -> Report:
    started = time.monotonic()
    tally = Tally()
    with hold(server.pk, wait=wait) as lease:
        if lease is None:
            return Report(server.name, error="Another worker is fetching this mail server right now.")
        server.refresh_from_db()
        if server.status not in MailServer.LIVE:
            state = server.get_status_display().lower()
            return Report(server.name, error=f"{server.name} is {state}: only an active mail server is fetched.")
        alerts.fetching_begins(server)
        run = FetchRun.objects.create(server=server)
        notes = Notebook(server, run)
        error = _attempt(server, lease, tally, progress, notes)
        fail_folder.all_resolved(server)
        _record(run, tally, error)
        notes.write(f"ended: {error or 'nothing stood in the way'}")
        notes.save()
    return _report(server, tally, time.monotonic() - started, error)


def _attempt(server: MailServer, lease: Lease, tally: Tally, progress: Progress, notes: Notebook) -> Exception | None:
    try:
        tally.outcomes += settle(server)  # left by a run that died; needs no mail server
        with opened(server) as box:
            Fetch(server, notes.listen(box), lease, tally, progress, notes).run()
    except TransportError as error:
        connection_failed(server, error)
        return error
    except Stopped:
        server.update(next_fetch_at=timezone.now())  # nothing is wrong; the new settings go on from here
        return None
    except LeaseLost as error:
        return error  # the mail server is somebody else's now
    except StorageTrouble as error:
        _fetching_failed(server, str(error))
        return error
    except Exception as error:
        log.exception("fetching %s failed in a way nobody planned", server.name)
        note = f"Fetching stopped unexpectedly ({type(error).__name__}); the log of the worker says more."
        _fetching_failed(server, note)
        return error
    server.update(failures=0, last_success_at=timezone.now(), last_error="", last_error_field="", last_error_at=None)
    _turn(server, MailServer.Status.FAILED, MailServer.Status.ACTIVE)
    alerts.connection_works(server)
    return None


def _turn(server: MailServer, before: str, after: str) -> None:
    """Unless a person has paused it meanwhile."""
    if MailServer.objects.filter(pk=server.pk, status=before).update(status=after):
        server.status = after


def _fetching_failed(server: MailServer, note: str) -> None:
    alerts.fetching_failed(server, note)
    server.update(last_error=note, last_error_field="", last_error_at=timezone.now())


def connection_failed(server: MailServer, error: TransportError) -> None:
    """Counts the failure; every `max_tries` in a row the mail server counts as failed and gets its rest."""
    now = timezone.now()
    failures = server.failures + 1
    server.update(failures=failures, last_error=str(error), last_error_field=error.field, last_error_at=now)
    rest = patience(error.wait)
    if failures % server.max_tries == 0:
        _turn(server, MailServer.Status.ACTIVE, MailServer.Status.FAILED)
        rest = max(rest, timedelta(minutes=max(server.cool_off_minutes, server.fetch_every_minutes)))
    if rest:
        server.update(next_fetch_at=max(now + rest, server.next_fetch_at or now))
    alerts.connection_failed(server, str(error))


def _record(run: FetchRun, tally: Tally, error: Exception | None) -> None:
    run.ended = timezone.now()
    run.fetched, run.filed, run.counts = tally.fetched, tally.filed, dict(tally.outcomes)
    run.error = str(error or "")
    run.error_field = error.field if isinstance(error, TransportError) else ""
    run.save()


def _report(server: MailServer, tally: Tally, seconds: float, error: Exception | None) -> Report:
    count = tally.outcomes
    return Report(
        server=server.name,
        fetched=tally.fetched,
        opened=count[Outcome.OPENED],
        added=count[Outcome.ADDED],
        ignored=count[Outcome.IGNORED],
        rejected=count[Outcome.REJECTED] + count[Outcome.HELD],
        duplicates=count[Outcome.DUPLICATE],
        failed=count[Outcome.FAILED],
        filed=tally.filed,
        seconds=round(seconds, 3),
        error=str(error or ""),
    )
