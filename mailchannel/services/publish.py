"""From a draft to a mailbox that is read: what must hold first, and the switches afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mailchannel.kernel.specs import FieldSpec
from mailchannel.models import FolderMapping, MailServer
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.senders import SENDERS
from mailchannel.services import audit, file_settings
from mailchannel.services.audit import Person
from mailchannel.services.spec_check import spec_problems
from mailchannel.services.validation import TARGETS, folder_problems
from mailchannel.services.vault import connection_settings, sending_settings
from mailchannel.transports import TRANSPORTS
from tickets.api import published_templates, silent_offer, template_fields

STEPS = 3  # of the wizard, before the review
Status = MailServer.Status


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a mail server from being published. `step` and `field` lead to where it can be mended."""

    step: str
    field: str
    text: str


class NotReady(Exception):
    """Raised by publish and resume; `problems` says what has to be mended."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.text for problem in problems))
        self.problems = tuple(problems)


def problems(server: MailServer) -> list[Problem]:
    return [*_connection(server), *_reading(server), *_ticket(server)]


@transaction.atomic
def publish(server: MailServer, *, by: Person | None) -> None:
    """Raises NotReady. From now on the mailbox is read and the template stays as it is."""
    server = _locked(server)
    _require_ready(server)
    assert server.template is not None  # noqa: S101 - _require_ready has seen it; this tells the type checker
    now = timezone.now().replace(microsecond=0)  # mail servers count whole seconds
    server.update(
        status=Status.ACTIVE,
        version=server.version + 1,
        published_at=server.published_at or now,
        sync_start=server.sync_start or now,
        offer_id=server.offer_id or silent_offer(template_id=server.template.pk, name=server.name),
        reached=STEPS,
        **_fresh_start(now),
    )
    audit.record(server, by=by, message=f"Published as version {server.version}.")


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
    server = _locked(server)
    _require_published(server)
    _require_ready(server)
    server.update(status=Status.ACTIVE, **_fresh_start(timezone.now()))
    audit.record(server, by=by, message="Resumed.")


def settings_changed(server: MailServer, *, by: Person | None, changes: Sequence[str], added: bool = False) -> None:
    """Records an edit; on a live mail server it is a new version of the settings mails are judged by."""
    if not changes and not added:
        return
    audit.record(server, by=by, message="Added." if added else f"Changed {', '.join(changes)}.", added=added)
    if server.published_at:
        MailServer.objects.filter(pk=server.pk).update(version=F("version") + 1)


def _fresh_start(now: datetime) -> dict[str, object]:
    return {"next_fetch_at": now, "failures": 0, "last_error": "", "last_error_field": "", "last_error_at": None}


def _locked(server: MailServer) -> MailServer:
    return MailServer.objects.select_for_update().get(pk=server.pk)


def _require_ready(server: MailServer) -> None:
    if found := problems(server):
        raise NotReady(found)


def _require_published(server: MailServer) -> None:
    if server.status == Status.DRAFT:
        raise NotReady([Problem("review", "", "This mail server was never published.")])


def _connection(server: MailServer) -> Iterator[Problem]:
    if not server.address:
        yield Problem("connection", "address", "Mail address is missing.")
    elif get_user_model().objects.filter(email__iexact=server.address).exists():
        yield Problem("connection", "address", PERSONAL_ADDRESS.format(server.address))
    if server.protocol not in TRANSPORTS:
        yield Problem("connection", "protocol", f"There is no protocol called “{server.protocol}”.")
        return
    yield from _specs("", TRANSPORTS[server.protocol].fields, connection_settings(server))
    if server.sending.get("host"):  # without one mail comes in but no answer leaves; the review says so
        yield from _specs("sending-", SENDERS["smtp"].fields, sending_settings(server))


PERSONAL_ADDRESS = (
    "{} belongs to a person who signs in here. Use a mailbox of its own, or their mail would become tickets."
)


def _specs(prefix: str, specs: tuple[FieldSpec, ...], stored: dict[str, object]) -> Iterator[Problem]:
    step = "reading" if prefix in ("accept-", "files-") else "connection"
    for name, text in spec_problems(specs, stored):
        yield Problem(step, prefix + name, text)


def _reading(server: MailServer) -> Iterator[Problem]:
    if server.protocol in TRANSPORTS and TRANSPORTS[server.protocol].has_folders:
        yield from _folders(server)
    yield from _specs("accept-", acceptance_specs(), server.acceptance)
    yield from _specs("files-", FILE_SPECS, file_settings.in_force(server))


def _folders(server: MailServer) -> Iterator[Problem]:
    by_role: dict[str, list[str]] = {role: [] for role in FolderMapping.Role.values}
    for row in server.folders.all():
        by_role[row.role].append(row.folder)
    if not by_role["source"]:
        yield Problem("reading", "source", "No folder to read mail from is chosen.")
    for role, ended in TARGETS.items():
        if not by_role[role]:
            yield Problem("reading", role, f"The folder for {ended} mail is missing.")
    targets = {role: folders[0] for role in TARGETS if (folders := by_role[role])}
    for role, text in folder_problems(by_role["source"], targets, by_role["never_read"]).items():
        yield Problem("reading", role, text)


def _ticket(server: MailServer) -> Iterator[Problem]:
    if not server.template_id:
        yield Problem("ticket", "template", "No ticket template is chosen.")
        return
    if server.template_id not in dict(published_templates()):
        yield Problem("ticket", "template", f"The template “{server.template}” is not published.")
    filled = {row.field for row in server.mappings.all() if row.property or row.default}
    for field in template_fields(server.template_id):
        if field.required and field.key not in filled:
            yield Problem("ticket", f"map-{field.key}", f"{field.label} is required: choose what fills it.")
