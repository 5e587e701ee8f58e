"""Filters and pages of the logs that stay fast however long a log grows: indexes are used, counts are bounded.

They load no more than names: a mail server's row also holds its secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import cached_property

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.judge_again import NEEDS_A_PERSON

if TYPE_CHECKING:
    Pages = Paginator[Any]  # a type argument the class does not take at run time
else:
    Pages = Paginator

MOST_COUNTED = 10_000
MOST_REASONS = 100
SUBJECTS_COMPARED = 100_000


class BoundedPaginator(Pages):
    """Counts to MOST_COUNTED and pages no further: whoever looks for an older mail narrows the list down."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class ServerFilter(admin.SimpleListFilter):
    title = "mail server"
    parameter_name = "server"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in MailServer.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(server_id=int(chosen)) if chosen.isdecimal() else queryset


class PersonFilter(admin.SimpleListFilter):
    title = "what is left to do"
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("person", "Needs a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(outcome__in=NEEDS_A_PERSON) if self.value() == "person" else queryset


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(reason, in_words(reason)) for reason in _reasons()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


def _reasons() -> Iterator[str]:
    """Those that occur, each found by one look at the index: DISTINCT would read every row."""
    last = ""
    for _ in range(MOST_REASONS):
        rows = InboundMail.objects.filter(reason__gt=last).order_by("reason")
        last = rows.values_list("reason", flat=True).first() or ""
        if not last:
            return
        yield last


class TypedFilter(admin.SimpleListFilter):
    """A filter whose value is typed; a form above the list has its field."""

    template = "admin/mailchannel/_no_filter.html"
    kind = "text"
    hint = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("", "")]  # none would switch the filter off

    def choices(self, changelist: Any) -> Iterator[Any]:
        return iter(())

    def typed(self) -> str:
        return (self.value() or "").strip()


class TextFilter(TypedFilter):
    """The whole value where there is such a mail, else a part of it."""

    column = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        typed = self.typed()
        if not typed:
            return queryset
        whole = queryset.filter(**{f"{self.column}__in": {typed, typed.lower()}})
        return whole if whole.exists() else queryset.filter(pk__in=_keys(self.column, typed))


class SenderFilter(TextFilter):
    title = "sender"
    parameter_name = "sender"
    column = "sender"
    hint = "anna@example.com or a part of it"


class SubjectFilter(TypedFilter):
    title = "subject"
    parameter_name = "subject"
    hint = "words of the subject"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        typed = self.typed()
        return queryset.filter(pk__in=_keys("subject", typed).filter(_window(request))) if typed else queryset


class MessageIdFilter(TextFilter):
    title = "Message-ID"
    parameter_name = "message"
    column = "message_id"
    hint = "whole or a part of it"

    def typed(self) -> str:
        return super().typed().removeprefix("<").removesuffix(">")


class SinceFilter(TypedFilter):
    title = "received from"
    parameter_name = "since"
    kind = "datetime-local"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since = moment(self.typed(), last=False)
        # No mail is kept before it was received: the second condition changes nothing, but has an index.
        return queryset.filter(received_at__gte=since, kept_at__gte=since) if since else queryset


class UntilFilter(TypedFilter):
    title = "received until"
    parameter_name = "until"
    kind = "datetime-local"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        until = moment(self.typed(), last=True)
        return queryset.filter(received_at__lte=until) if until else queryset


TYPED = (SenderFilter, SubjectFilter, MessageIdFilter, SinceFilter, UntilFilter)


def moment(text: str, *, last: bool) -> datetime | None:
    """A day or a minute, in local time; `last` takes all of it. None for what is neither, or no date in UTC."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.max if last else time.min) if day else parse_datetime(text)
        if found is None:
            return None
        if last and not day and found.second == 0:
            found = found.replace(second=59, microsecond=999_999)
        return (found if timezone.is_aware(found) else timezone.make_aware(found)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def found_anywhere(queryset: QuerySet[InboundMail], words: str, request: HttpRequest) -> QuerySet[InboundMail]:
    """Mails with these words in sender, subject or Message-ID."""
    whole = _found_whole(queryset, words)
    if whole is not None:
        return whole
    subjects = _keys("subject", words).filter(_window(request))
    return queryset.filter(pk__in=subjects.union(_keys("sender", words), _keys("message_id", words)))


def _keys(column: str, words: str) -> QuerySet[Any]:
    """Of mails with these words there. By way of the keys the index is read instead of rows with whole traces."""
    return InboundMail.objects.filter(**{f"{column}__icontains": words}).order_by().values("pk")


def _window(request: HttpRequest) -> Q:
    """Subjects have no index: words are looked for among the newest mails, or those before “received until”."""
    rows = InboundMail.objects.order_by("-kept_at")
    until = moment(request.GET.get("until", "").strip(), last=True)
    if until:
        rows = rows.filter(kept_at__lte=until)
    newest = rows.values_list("pk", flat=True).first() or 0
    return Q(pk__gt=newest - SUBJECTS_COMPARED, pk__lte=newest + (SUBJECTS_COMPARED if until else 0))


def _found_whole(queryset: QuerySet[InboundMail], words: str) -> QuerySet[InboundMail] | None:
    """Mails whose sender or Message-ID is just this, if there are any."""
    key = words.strip().removeprefix("<").removesuffix(">")
    if "@" not in key or " " in key:
        return None
    whole = queryset.filter(Q(sender=key.lower()) | Q(message_id__in={key, key.lower()}))
    return whole if whole.exists() else None


def in_words(reason: str) -> str:
    """`ignored.auto_reply` → `ignored: auto reply`."""
    return reason.replace(".", ": ", 1).replace("_", " ")
