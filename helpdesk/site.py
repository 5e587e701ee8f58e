"""The admin site: Django's own, with our name on it."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class HelpdeskAdminSite(AdminSite):
    site_header = "Helpdesk administration"
    site_title = "Helpdesk"
    index_title = "Administration"
    enable_nav_sidebar = False


class HelpdeskAdminConfig(AdminConfig):
    default_site = "helpdesk.site.HelpdeskAdminSite"
