"""The wizard: which steps there are, which of them are open, and what a visit to one of them does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from mailchannel.admin import consent
from mailchannel.admin.answers import AnswersStep
from mailchannel.admin.connection import ConnectionStep
from mailchannel.admin.folders import FoldersStep
from mailchannel.admin.probe import Probe, closed_mailbox, create_folders, list_folders, try_connection
from mailchannel.admin.routes import step_url
from mailchannel.admin.senders import SendersStep
from mailchannel.admin.step import Step
from mailchannel.admin.ticket import TicketStep
from mailchannel.models import MailServer, SignIn
from mailchannel.services import drafts, publish

if TYPE_CHECKING:
    from mailchannel.admin.server import MailServerAdmin

STEPS: tuple[type[Step], ...] = (ConnectionStep, FoldersStep, SendersStep, TicketStep, AnswersStep)
TITLES = {**{step.slug: step.title for step in STEPS}, "review": "Review and publish"}
SLUGS = tuple(TITLES)
CLOSED = "Not saved yet: the mailbox does not open. “Connection” says why; “Save draft” keeps what you typed for later."


@dataclass(frozen=True, slots=True)
class Stop:
    """One line of the stepper."""

    number: int
    title: str
    url: str  # empty: not open yet
    here: bool
    done: bool


def stepper(server: MailServer, current: str) -> list[Stop]:
    return [
        Stop(
            number=place + 1,
            title=title,
            url=step_url(slug, server) if server.pk and place <= reached(server) else "",
            here=slug == current,
            done=place < reached(server) if slug != "review" else server.published_at is not None,
        )
        for place, (slug, title) in enumerate(TITLES.items())
    ]


def reached(server: MailServer) -> int:
    """Steps that are complete. What was published once is complete, however it was set up."""
    return publish.STEPS if server.published_at else min(server.reached, publish.STEPS)


def first_open(server: MailServer) -> str:
    return SLUGS[reached(server)]


def visit(admin: MailServerAdmin, request: HttpRequest, server: MailServer, *, slug: str) -> HttpResponse:
    """Shows a step; a POST saves it, or does what the pressed button says with what was typed."""
    if SLUGS.index(slug) > reached(server):
        messages.info(request, f"“{TITLES[first_open(server)]}” comes first.")
        return redirect(step_url(first_open(server), server))
    step = STEPS[SLUGS.index(slug)]
    if request.method != "POST":
        return show(admin, request, step(instance=_edited(server)))
    if not admin.may_edit(request, server):
        raise PermissionDenied
    action = next((act for name, act in ACTIONS.items() if name in request.POST), _save)
    return action(admin, request, server, step)


def _edited(server: MailServer) -> MailServer:
    """What the steps show and change: of a published mail server the draft, once there is one."""
    return drafts.working_copy(server) if server.pk else server


def show(admin: MailServerAdmin, request: HttpRequest, form: Step, probe: Probe | None = None) -> HttpResponse:
    server = form.instance.live
    editable = admin.may_edit(request, server)
    if not editable:
        for field in form.fields.values():
            field.disabled = True
    place = SLUGS.index(form.slug)
    context = admin.page_context(request, server, form.slug) | {
        "form": form,
        "editable": editable,
        "probe": probe or Probe(),
        "can_test": form.slug == "connection",
        "previous": (step_url(SLUGS[place - 1], server), TITLES[SLUGS[place - 1]]) if place else None,
        "next_title": TITLES[SLUGS[place + 1]],
    }
    if isinstance(form, ConnectionStep):
        context |= consent.summary(form.instance)
    return TemplateResponse(request, "admin/mailchannel/step.html", context)


Action = Callable[["MailServerAdmin", HttpRequest, MailServer, type[Step]], HttpResponse]


def _save(admin: MailServerAdmin, request: HttpRequest, server: MailServer, step: type[Step]) -> HttpResponse:
    going_on = "_next" in request.POST
    live = server.published_at is not None
    form = step(request.POST, instance=_edited(server), complete=going_on or live)
    if not form.is_valid():
        return show(admin, request, form)
    to_sign_in = going_on and isinstance(form, ConnectionStep) and consent.is_missing(form.as_typed())
    going_on = going_on and not to_sign_in
    if going_on and isinstance(form, ConnectionStep) and (closed := closed_mailbox(request, form)):
        messages.error(request, CLOSED)
        return show(admin, request, form, closed)
    place = SLUGS.index(step.slug)
    advanced = going_on and server.reached <= place
    added, changes = server.pk is None, form.changes()
    with transaction.atomic():
        if changes or not live:
            form = _over_what_is_stored(form, request, step)
            if not form.is_valid():
                return show(admin, request, form)
            saved = form.save()
            publish.settings_changed(saved, by=_person(request), changes=changes, added=added)
            server = saved.live
        if advanced:
            server.update(reached=place + 1)
    if to_sign_in:
        return consent.begin(admin, request, server, purpose=SignIn.Purpose.READING)
    messages.success(request, _said(server, new=bool(changes or added or advanced)))
    return redirect(step_url(SLUGS[place + 1] if going_on else step.slug, server))


def _over_what_is_stored(form: Step, request: HttpRequest, step: type[Step]) -> Step:
    """The form, over what is stored now; over a draft where the mail server is published: what is in force stays until
    it is published again.

    Trying a mailbox takes seconds, in which somebody else may have published, discarded or begun a draft, or taken back
    a secret.
    """
    server = form.instance
    if server.pk is None:
        return form
    live = MailServer.objects.select_for_update().get(pk=server.live.pk)
    stored = drafts.begin(live) if live.published_at else live
    return step(request.POST, instance=stored, complete=form.complete or live.published_at is not None)


def _refresh(admin: MailServerAdmin, request: HttpRequest, server: MailServer, step: type[Step]) -> HttpResponse:
    """The same page for a changed protocol or template, with everything that was typed."""
    return show(admin, request, step(request.POST, instance=_edited(server), complete=False).unjudged())


def _test(admin: MailServerAdmin, request: HttpRequest, server: MailServer, step: type[Step]) -> HttpResponse:
    form = ConnectionStep(request.POST, instance=_edited(server), complete=False)
    return _probed(admin, request, form, try_connection(request, form))


def _folders(admin: MailServerAdmin, request: HttpRequest, server: MailServer, step: type[Step]) -> HttpResponse:
    form = FoldersStep(request.POST, instance=_edited(server), complete=False).unjudged()
    return _probed(admin, request, form, list_folders(request, form))


def _create(admin: MailServerAdmin, request: HttpRequest, server: MailServer, step: type[Step]) -> HttpResponse:
    form = FoldersStep(request.POST, instance=_edited(server), complete=False)
    form.full_clean()
    probe = create_folders(request, form)
    return _probed(admin, request, form.unjudged(), probe)


def _probed(admin: MailServerAdmin, request: HttpRequest, form: Step, probe: Probe) -> HttpResponse:
    """Beside the form where there is JavaScript, on the whole page where there is none."""
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, f"admin/mailchannel/_{form.slug}_probe.html", {"form": form, "probe": probe})
    return show(admin, request, form, probe)


#: Name of the pressed button → what it does. Every other button saves.
ACTIONS: dict[str, Action] = {"_refresh": _refresh, "_test": _test, "_folders": _folders, "_create": _create}


def _said(server: MailServer, *, new: bool) -> str:
    if not new:
        return "Nothing was changed."
    if server.published_at:
        return "Saved as a draft. The mailbox goes on with the published settings until you publish it."
    return "Saved."


def _person(request: HttpRequest) -> Any:
    """Somebody who is signed in: the admin lets nobody else through."""
    return request.user
