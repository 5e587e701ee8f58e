"""Filters of the logs, without loading more than names: a mail server's row also holds its secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from mailchannel.models import InboundMail, MailServer


class ServerFilter(admin.SimpleListFilter):
    title = "mail server"
    parameter_name = "server"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in MailServer.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(server_id=int(chosen)) if chosen.isdecimal() else queryset


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        reasons = InboundMail.objects.order_by("reason").values_list("reason", flat=True).distinct()
        return [(reason, in_words(reason)) for reason in reasons if reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


def in_words(reason: str) -> str:
    """`ignored.auto_reply` → `ignored: auto reply`."""
    return reason.replace(".", ": ", 1).replace("_", " ")
