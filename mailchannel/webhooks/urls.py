"""Where mail is posted to, with and without a slash at the end: a redirect would lose it."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern, re_path

from mailchannel.webhooks import graph
from mailchannel.webhooks.views import receive

PREFIX: Final = "/inbound/"

urlpatterns: list[URLPattern] = [
    re_path(r"^graph/(?P<address>[A-Za-z0-9_-]{1,100})/?$", graph.receive, name="graph_news"),
    re_path(r"^(?P<door>[a-z]{1,20})/(?P<token>[A-Za-z0-9._-]{1,100})/?$", receive, name="inbound"),
]
