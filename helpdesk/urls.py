"""Who answers which address."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from helpdesk.health import healthz
from mailchannel.admin import inbox
from mailchannel.admin.consent import callback_view

urlpatterns = [
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("healthz", healthz, name="healthz"),
    path("oauth/callback/", callback_view, name="oauth_callback"),
    path("inbound/", include("mailchannel.webhooks.urls")),
    path("admin/mailchannel/mailserver/<int:pk>/inbox/", include(inbox.patterns)),
    path("admin/", admin.site.urls),
    path("", include("tickets.urls")),
]
