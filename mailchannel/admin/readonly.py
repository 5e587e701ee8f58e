"""Rows that people may look at and nobody may edit: they are the record of what happened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """Goes in front of ModelAdmin."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
