"""Where the pages of a mail server are."""

from __future__ import annotations

from django.urls import reverse

from mailchannel.models import MailServer


def step_url(slug: str, server: MailServer) -> str:
    """The page of a step; for a mail server that does not exist yet the page that makes one."""
    if server.pk is None:
        return reverse("admin:mailchannel_mailserver_add")
    return reverse(f"admin:mailchannel_mailserver_{slug}", args=[server.pk])
