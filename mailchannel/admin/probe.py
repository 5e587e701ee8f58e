"""Looking at the mailbox from a form: "Test connection" and the list of folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest

from mailchannel.admin.connection import ConnectionStep
from mailchannel.admin.folders import FoldersStep
from mailchannel.models import MailServer
from mailchannel.services import audit, check
from mailchannel.services.check import Candidate, Finding, Level
from mailchannel.services.spec_check import spec_problems

PER_MINUTE = 20  # looks a person may take: the form must not become a port scanner


@dataclass(frozen=True, slots=True)
class Probe:
    """What was seen. `ran` False: nobody has looked yet."""

    ran: bool = False
    findings: Sequence[Finding] = ()

    @property
    def summary(self) -> str:
        bad = sum(finding.level is Level.BAD for finding in self.findings)
        if bad:
            return f"{bad} problem{'' if bad == 1 else 's'} found."
        return "Everything needed works."


def try_connection(request: HttpRequest, form: ConnectionStep) -> Probe:
    """Findings of the mailbox, or the form's own errors; a server's complaint ends up at its field as well."""
    candidate = _candidate(form)
    if isinstance(candidate, list):
        return Probe(True, candidate)
    if _too_often(request):
        return Probe(True, [_PATIENCE])
    _note(request, form.instance, candidate.protocol)
    findings = check.check(candidate)
    for finding in findings:
        _beside_field(form, finding)
    return Probe(True, findings)


def list_folders(request: HttpRequest, form: FoldersStep) -> Probe:
    if _too_often(request):
        return Probe(True, [_PATIENCE])
    folders, findings = check.folders(check.stored(form.instance))
    form.live = sorted(folders, key=lambda folder: (folder.name.upper() != "INBOX", folder.name.lower()))
    return Probe(True, findings)


def look_again(request: HttpRequest, server: MailServer) -> Probe:
    """The saved settings, tried as they stand."""
    if _too_often(request):
        return Probe(True, [_PATIENCE])
    return Probe(True, check.check(check.stored(server)))


_PATIENCE = Finding(Level.WARN, "That was a lot of tests.", "Wait a minute and try again.")


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
    findings = [Finding(Level.BAD, text, field=name) for name, text in missing]
    for finding in findings:
        _beside_field(form, finding)
    return findings or candidate


def _beside_field(form: ConnectionStep, finding: Finding) -> None:
    if finding.level is Level.BAD and finding.field in form.fields:
        form.add_error(finding.field, finding.text)


def _too_often(request: HttpRequest) -> bool:
    key = f"mailchannel-probes-{request.user.pk}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > PER_MINUTE
    except ValueError:  # it expired between the two lines
        return False


def _note(request: HttpRequest, server: MailServer, protocol: str) -> None:
    if server.pk and request.user.pk:
        audit.record(server, by=request.user, message=f"Tested the connection ({protocol}).")
