"""The admin site: Django's own, with our name on it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class HelpdeskAdminSite(AdminSite):
    site_header = "Helpdesk administration"
    site_title = "Helpdesk"
    index_title = "Administration"
    enable_nav_sidebar = False

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One login page for agents and administrators. Raises PermissionDenied for agents who are no staff."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("administration")
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index", current_app=self.name))
