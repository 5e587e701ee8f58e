"""What a mail server's page says of push."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils import timezone

from mailchannel.models import FolderMapping, MailServer
from tests.fixtures import NewServer


def shown(server: MailServer) -> str:
    return " ".join(render_to_string("admin/mailchannel/_push.html", {"server": server}).split())


def test_connected_since_and_what_it_covers(new_server: NewServer) -> None:
    server = new_server()
    server.update(push_since=timezone.now(), fetch_every_minutes=5)

    assert "Push: connected since" in shown(server)
    assert "in “INBOX”" in shown(server)
    assert "It is looked at every 5 minutes as well." in shown(server)
    server.folders.create(role=FolderMapping.Role.SOURCE, folder="Complaints")
    assert "Its other folders are looked at every 5 minutes" in shown(MailServer.objects.get())


def test_why_it_is_not(new_server: NewServer) -> None:
    server = new_server()
    server.update(push_error="mail.example.com does not offer to <tell>.")

    assert "Push: not connected" in shown(server)
    assert "does not offer to &lt;tell&gt;. New mail is found by looking every minute." in shown(server)


def test_nothing_while_nobody_watches(new_server: NewServer) -> None:
    assert shown(new_server()) == ""
