"""Django's admin, with our site in place of the stock one. Loaded before any model, so it imports none."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class HelpdeskAdminConfig(AdminConfig):
    default_site = "helpdesk.site.HelpdeskAdminSite"
