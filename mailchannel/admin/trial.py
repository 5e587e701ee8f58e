"""Trying a mail server on real mails before it is published: nothing here changes the mailbox or a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from mailchannel.admin.probe import too_often
from mailchannel.admin.routes import step_url
from mailchannel.admin.trace import CHOSEN, TraceSection, sections
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import audit, drafts, sample
from mailchannel.services.rehearsal import MOST, Row, Trial, rehearse
from mailchannel.services.replay import Difference, differences, replay
from mailchannel.services.sample import NoSample, Shown
from mailchannel.services.trying import Tried

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

USUAL = 20
MOST_UPLOADED = 10
PER_MINUTE = 6  # looks a person may take: each fetches up to 200 mails
TONES = {
    Outcome.OPENED: "good",
    Outcome.ADDED: "good",
    Outcome.REJECTED: "warn",
    Outcome.HELD: "warn",
    Outcome.FAILED: "bad",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A mail that was tried, as the page shows it."""

    tried: Tried
    tone: str
    headline: str
    sections: list[TraceSection]
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded mail, or why it could not be read."""

    name: str
    shown: Shown | None = None
    line: Line | None = None
    error: str = ""


def page(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> HttpResponse:
    """A GET asks what to try; a POST tries it and shows the result on the same page."""
    settings = drafts.working_copy(server)
    if request.method != "POST":
        return _show(admin, request, server, settings)
    if not may_try(admin, request, server):
        raise PermissionDenied
    if too_often(request, "trials", PER_MINUTE):
        messages.warning(request, "That was a lot of tries. Wait a minute and try again.")
        return _show(admin, request, server, settings)
    act = next((act for button, act in ACTIONS.items() if button in request.POST), _live)
    return _show(admin, request, server, settings, **act(request, server, settings))


def may_try(admin: MailServerAdmin, request: HttpRequest, server: MailServer) -> bool:
    """Trying shows what stands in customers' mails."""
    return admin.may_edit(request, server) and request.user.has_perm("mailchannel.view_raw_mail")


def _show(
    admin: MailServerAdmin, request: HttpRequest, server: MailServer, settings: MailServer, **found: Any
) -> HttpResponse:
    context = admin.page_context(request, server, "trial") | {
        "title": "Try it",
        "may_try": may_try(admin, request, server),
        "last": USUAL,
        "most": MOST,
        "most_uploaded": MOST_UPLOADED,
        "largest_mb": sample.largest(settings) // 1_000_000,
        "draft": settings if settings is not server else None,
        "without_start": settings.sync_start is None,
        "review_url": step_url("review", server),
        **found,
    }
    return TemplateResponse(request, "admin/mailchannel/trial.html", context)


def _live(request: HttpRequest, server: MailServer, settings: MailServer) -> dict[str, Any]:
    compare = server if settings is not server and "compare" in request.POST else None
    last, ignore_start = _last(request), "ignore_start" in request.POST
    trial = rehearse(settings, last, by=_person(request), against=compare, ignore_start=ignore_start)
    return {"last": last, "ignore_start": ignore_start, **_result(trial, compared=compare is not None)}


def _stored(request: HttpRequest, server: MailServer, settings: MailServer) -> dict[str, Any]:
    last = _last(request)
    return {"last": last, **_result(replay(server, settings, last, by=_person(request)), compared=True, stored=True)}


def _oldest(request: HttpRequest, server: MailServer, settings: MailServer) -> dict[str, Any]:
    try:
        shown = sample.oldest(settings, by=_person(request))
    except NoSample as error:
        return {"no_sample": str(error), "no_sample_field": error.field}
    return {"uploads": [Upload("The oldest mail", shown, line(Row(shown.tried)))]}


def _upload(request: HttpRequest, server: MailServer, settings: MailServer) -> dict[str, Any]:
    """Read into memory one by one and forgotten; nothing of it is stored."""
    files = request.FILES.getlist("mails")
    if not files:
        messages.error(request, "Choose one or several mails saved as files (.eml) first.")
        return {}
    audit.record(server, by=_person(request), message=f"Tried the settings on {len(files)} uploaded mails.")
    found = [_read(file, settings) for file in files[:MOST_UPLOADED]]
    found += [Upload(str(f.name), error=f"At most {MOST_UPLOADED} mails at a time.") for f in files[MOST_UPLOADED:]]
    return {"uploads": found}


#: Name of the pressed button → what it does.
ACTIONS: dict[str, Callable[[HttpRequest, MailServer, MailServer], dict[str, Any]]] = {
    "_live": _live,
    "_stored": _stored,
    "_oldest": _oldest,
    "_upload": _upload,
}


def line(row: Row) -> Line:
    tried = row.after
    mail = InboundMail(
        outcome=tried.outcome, reason=tried.reason, trace=[step.as_json() for step in tried.trace], manifest=[]
    )
    return Line(tried, TONES.get(tried.outcome, ""), _headline(tried), sections(mail), differences(row))


def _headline(tried: Tried) -> str:
    """What would become of it, in the mood of a mail that is not decided yet."""
    if tried.outcome == Outcome.OPENED:
        return f"Would open {tried.thread}"
    if tried.outcome == Outcome.ADDED:
        return f"Would join {tried.thread}"
    return CHOSEN[tried.outcome]


def _result(trial: Trial, *, compared: bool, stored: bool = False) -> dict[str, Any]:
    lines = [line(row) for row in trial.rows]
    return {
        "trial": trial,
        "compared": compared,
        "stored": stored,
        "lines": [each for each in lines if each.differences] if compared else lines,
        "counts": list(_counts(trial.rows)),
    }


def _counts(rows: Sequence[Row]) -> Iterator[tuple[str, str, int]]:
    """(tone, outcome, mails)."""
    for outcome in Outcome:
        mails = sum(row.after.outcome == outcome for row in rows)
        if mails:
            yield TONES.get(outcome, ""), outcome.value, mails


def _read(file: UploadedFile[Any], settings: MailServer) -> Upload:
    name, most = str(file.name), sample.largest(settings)
    if file.size is None or file.size > most:
        return Upload(name, error=f"It is larger than this mail server accepts ({most // 1_000_000} MB).")
    raw = file.read()
    if not raw.strip():
        return Upload(name, error="The file is empty.")
    shown = sample.show(settings, raw)
    return Upload(name, shown, line(Row(shown.tried)))


def _last(request: HttpRequest) -> int:
    try:
        return max(1, min(int(request.POST.get("last", "")), MOST))
    except ValueError:
        return USUAL


def _person(request: HttpRequest) -> Any:
    """Somebody who is signed in: the admin lets nobody else through."""
    return request.user
