"""An agent's words become a note once, and not across an answer the agent has not seen.

A page remembers the newest note it showed. The same words by the same agent after that note are a second click, not a
second answer; somebody else's public words after it are news the agent must read first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction

from tickets import services
from tickets.files import IncomingFile
from tickets.models import Note, Ticket


class Result(StrEnum):
    WRITTEN = "written"
    REPEATED = "repeated"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Answer:
    """`seen` is the id of the newest note the agent had on the page."""

    text: str
    seen: int
    private: bool = False
    cc: Sequence[str] = ()
    files: Sequence[IncomingFile] = ()
    status: str = Ticket.Status.WAITING


@transaction.atomic
def write(*, ticket: Ticket, agent: User | AbstractBaseUser, answer: Answer) -> Result:
    locked = Ticket.objects.select_for_update().get(pk=ticket.pk)
    news = Note.objects.filter(ticket=locked, pk__gt=answer.seen)
    visibility = Note.Visibility.PRIVATE if answer.private else Note.Visibility.PUBLIC
    if news.filter(agent_id=agent.pk, text=answer.text, visibility=visibility).exists():
        return Result.REPEATED
    if not answer.private and news.filter(visibility=visibility).exclude(agent_id=agent.pk).exists():
        return Result.OVERTAKEN
    _write(locked, agent, answer)
    return Result.WRITTEN


def _write(ticket: Ticket, agent: User | AbstractBaseUser, answer: Answer) -> None:
    if answer.private:
        services.write_private_note(ticket=ticket, agent=agent, text=answer.text, files=answer.files)
    else:
        services.reply_as_agent(
            ticket=ticket, agent=agent, text=answer.text, cc=answer.cc, files=answer.files, status=answer.status
        )
