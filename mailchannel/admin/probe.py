"""Looking at the mailbox from a form: "Test connection" and the list of folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from mailchannel.admin.connection import ConnectionStep
from mailchannel.admin.folders import FoldersStep
from mailchannel.models import MailDefaults, MailServer
from mailchannel.services import audit, check, mailbox_folders
from mailchannel.services.check import Candidate, Finding, Level
from mailchannel.services.doctor.sending import PART as SENDING
from mailchannel.services.leaving import is_set_up
from mailchannel.services.spec_check import spec_problems

#: Columns that decide whether a mailbox opens.
WAY_IN = ("protocol", "auth", "connection", "oauth", "secrets", "proxy_id", "authorities", "verify_certificate")
PER_MINUTE = 20  # looks a person may take: the form must not become a port scanner


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen. `ran` False: nobody has looked yet."""

    ran: bool = False
    findings: Sequence[Finding] = ()

    @property
    def bad(self) -> int:
        return sum(finding.level is Level.BAD for finding in self.findings)

    @property
    def summary(self) -> str:
        if self.bad:
            return f"{self.bad} problem{'' if self.bad == 1 else 's'} found."
        return "Everything needed works." if any(f.level is Level.OK for f in self.findings) else "Not tested."

    @property
    def text(self) -> str:
        return check.as_text(self.findings)


def try_connection(request: HttpRequest, form: ConnectionStep) -> Probe:
    """Findings of the mailbox, or the form's own errors; a server's complaint ends up at its field as well."""
    return _beside_fields(form, _tried(request, form))


def closed_mailbox(request: HttpRequest, form: ConnectionStep) -> Probe | None:
    """What keeps us out of the mailbox; None where nothing does, or where it is being read with these very settings.

    Nobody goes on to folders of a mailbox that does not open. Trouble with sending keeps nobody.
    """
    if _in_force(form):
        return None
    probe = _tried(request, form)
    return _beside_fields(form, probe) if any(_keeps_out(form, finding) for finding in probe.findings) else None


def _in_force(form: ConnectionStep) -> bool:
    """A draft saved before may have changed the settings as well as what was just typed."""
    server, live = form.instance, form.instance.live
    prepared = any(getattr(server, name) != getattr(live, name) for name in WAY_IN)
    typed = form.moved(form.reading()) or bool(form.way_in & set(form.changed_data))
    return live.published_at is not None and not prepared and not typed


def _keeps_out(form: ConnectionStep, finding: Finding) -> bool:
    here = not finding.field or finding.field in form.fields  # a missing folder is mended in the next step
    return finding is _PATIENCE or (finding.level is Level.BAD and finding.part != SENDING and here)


def list_folders(request: HttpRequest, form: FoldersStep) -> Probe:
    if too_often(request):
        return Probe(True, [_PATIENCE])
    form.listing = mailbox_folders.look(check.stored(form.instance))
    return Probe(True, form.listing.findings)


def create_folders(request: HttpRequest, form: FoldersStep) -> Probe:
    """Makes those that mail is to be moved to and lists the mailbox anew; `form.made` says what came of it."""
    if too_often(request):
        return Probe(True, [_PATIENCE])
    candidate = check.stored(form.instance)
    form.made = mailbox_folders.create(candidate, form.wanted())
    if request.user.pk:
        said = " ".join(finding.text for finding in form.made)
        audit.record(form.instance.live, by=request.user, message=f"Asked the mailbox to create folders. {said}")
    form.listing = mailbox_folders.look(candidate)
    return Probe(True, form.listing.findings)


def look_again(request: HttpRequest, server: MailServer) -> Probe:
    """The saved settings, tried as they stand."""
    if too_often(request):
        return Probe(True, [_PATIENCE])
    candidate = check.stored(server)
    _note(request, server, candidate)
    return Probe(True, check.check(candidate))


_PATIENCE = Finding(Level.WARN, "That was a lot of tests.", "Wait a minute and try again.")


def _tried(request: HttpRequest, form: ConnectionStep) -> Probe:
    """Leaves the form as it is: a field with an error would not be saved."""
    candidate = _candidate(form)
    if isinstance(candidate, list):
        return Probe(True, candidate)
    if too_often(request):
        return Probe(True, [_PATIENCE])
    _note(request, form.instance, candidate)
    return Probe(True, check.check(candidate))


def _candidate(form: ConnectionStep) -> Candidate | list[Finding]:
    """What to try, or what is missing for trying; the rest of the form may be unfinished."""
    needed = {group.name(spec) for group in form.groups() for spec in group.specs} | {"protocol", "timeout_ms"}
    wrong = [
        Finding(Level.BAD, str(text), field=name)
        for name in form.errors
        if name in needed
        for text in form.errors[name]
    ]
    if wrong:
        return wrong
    candidate = form.candidate()
    missing = spec_problems(form.reading().specs, candidate.connection)
    return [Finding(Level.BAD, text, field=name) for name, text in missing] or candidate


def _beside_fields(form: ConnectionStep, probe: Probe) -> Probe:
    for finding in probe.findings:
        if finding.level is Level.BAD and finding.field in form.fields and finding.field not in form.errors:
            form.add_error(finding.field, f"{finding.text} {finding.advice}".strip())
    return probe


def too_often(request: HttpRequest, what: str = "probes", most: int = PER_MINUTE) -> bool:
    """Counts what this person has us connect to, whatever page asks."""
    key = f"mailchannel-{what}-{request.user.pk}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > most
    except ValueError:  # it expired between the two lines
        return False


def _note(request: HttpRequest, server: MailServer, candidate: Candidate) -> None:
    """Who had us connect where. A mail server that was never saved has no history yet: the system's own keeps it."""
    if not request.user.pk:
        return
    thing, new = (server.live, "") if server.pk else (MailDefaults.current(), " of a new mail server")
    where = f"{candidate.protocol} at {_place(candidate.connection)}"
    if is_set_up(candidate.sending_protocol, candidate.sending):
        where += f", {candidate.sending_protocol} at {_place(candidate.sending)}"
    audit.record(thing, by=request.user, message=f"Tested the connection{new}: {where}.")


def _place(settings: Mapping[str, Any]) -> str:
    if "host" not in settings:
        return str(settings.get("url") or settings.get("endpoint") or "")
    return f"{settings['host']}, port {settings.get('port') or 'as usual'}"
