"""Which folders of a mail server are told of and which are looked at."""

from __future__ import annotations

from django import template

from mailchannel.admin.promise import minutely
from mailchannel.models import MailServer
from mailchannel.services.receive import sources

register = template.Library()


register.filter("minutely", minutely)


@register.simple_tag
def read_folders(server: MailServer) -> list[str]:
    """The first one is the one the server is asked to tell of."""
    return sources(server)
