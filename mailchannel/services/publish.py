"""From a draft to a mailbox that is read: what must hold first, and the switches afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mailchannel.models import MailServer
from mailchannel.services import audit, drafts, versions
from mailchannel.services.audit import Person
from mailchannel.services.readiness import Problem, problems, rivals, unattended
from mailchannel.services.same_mailbox import readers, start_of
from tickets.api import silent_offer

STEPS = 5  # of the wizard, before the review
Status = MailServer.Status


class NotReady(Exception):
    """Raised by publish and resume; `problems` says what has to be mended."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.text for problem in problems))
        self.problems = tuple(problems)


@transaction.atomic
def publish(
    server: MailServer, *, by: Person | None, rest: bool = False, remark: str = "", take_over: bool = False
) -> None:
    """Puts the draft in force, or the settings themselves where there is none. Raises NotReady.

    From now on the mailbox is read and the template stays as it is. A paused mail server stays paused; `rest` pauses
    it until somebody resumes, for whoever wants to look first. With `take_over` it goes on where others that have read
    the same mailbox stop: those still live are paused, and unless it has a start date it gets theirs, so that mail
    nobody has taken in yet becomes a ticket.
    """
    server = _locked_with_all(server)
    settings = drafts.working_copy(server)
    _require_ready(settings)
    paused = rest or server.status == Status.PAUSED
    before = readers(settings) if take_over else []
    if not paused:
        if found := unattended(settings, [each.server for each in before]):
            raise NotReady(found)
        _make_way([each.server for each in before], by=by)
        _require_alone(settings)
    changed = versions.pending(server)
    if drafts.adopt(server):
        server = _locked(server)
    assert server.template is not None  # noqa: S101 - _require_ready has seen it; this tells the type checker
    now = timezone.now().replace(microsecond=0)  # mail servers count whole seconds
    server.update(
        status=Status.PAUSED if paused else Status.ACTIVE,
        version=server.version + 1,
        published_at=server.published_at or now,
        sync_start=server.sync_start or start_of(before) or now,
        offer_id=server.offer_id or silent_offer(template_id=server.template.pk, name=server.name),
        reached=STEPS,
        **_fresh_start(now),
    )
    versions.record(server, by=by, remark=remark)
    said = f": {audit.listed(map(str, changed))}" if changed else ""
    audit.record(server, by=by, message=f"Published as version {server.version}{said}.")


@transaction.atomic
def pause(server: MailServer, *, by: Person | None) -> None:
    """Raises NotReady. Mail stays where it is until somebody resumes; what was already kept is still settled."""
    server = _locked(server)
    _require_published(server)
    server.update(status=Status.PAUSED)
    audit.record(server, by=by, message="Paused.")


@transaction.atomic
def resume(server: MailServer, *, by: Person | None) -> None:
    """Raises NotReady."""
    server = _locked_with_all(server)
    _require_published(server)
    _require_ready(server)
    _require_alone(server)
    server.update(status=Status.ACTIVE, **_fresh_start(timezone.now()))
    audit.record(server, by=by, message="Resumed.")


@transaction.atomic
def settings_changed(server: MailServer, *, by: Person | None, changes: Sequence[str], added: bool = False) -> None:
    """Records an edit. In a draft it waits for publication; in force it is a new version mails are judged by."""
    if not changes and not added:
        return
    verb = "Prepared" if server.draft_of_id else "Changed"
    said = "Added." if added else f"{verb} {audit.listed(changes)}."
    audit.record(server.live, by=by, message=said, added=added)
    if server.published_at and not server.draft_of_id:
        server.update(version=F("version") + 1)
        server.refresh_from_db(fields=["version"])
        versions.record(server, by=by)


def _make_way(others: Sequence[MailServer], *, by: Person | None) -> None:
    for each in others:
        if each.status in MailServer.LIVE:
            pause(each, by=by)


def _fresh_start(now: datetime) -> dict[str, object]:
    return {"next_fetch_at": now, "failures": 0, "last_error": "", "last_error_field": "", "last_error_at": None}


def _locked(server: MailServer) -> MailServer:
    return MailServer.objects.select_for_update().get(pk=server.pk)


def _locked_with_all(server: MailServer) -> MailServer:
    """Two that read the same mailbox must not become live side by side, nor a fetch begin unseen meanwhile."""
    list(MailServer.objects.select_for_update().order_by("pk").values_list("pk"))
    return _locked(server)


def _require_ready(server: MailServer) -> None:
    if found := problems(server):
        raise NotReady(found)


def _require_alone(server: MailServer) -> None:
    if found := rivals(server):
        raise NotReady(found)


def _require_published(server: MailServer) -> None:
    if server.status == Status.DRAFT:
        raise NotReady([Problem("review", "", "This mail server was never published.")])
