"""The demo's mail server row: applied once, then left to the person who tries things out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from string import Template

from django.core.management import call_command
from django.db import DatabaseError

from helpdesk import demo
from mailchannel.models import MailServer

SETTINGS = Path(__file__).with_name("channel.yaml")


def demo_server() -> MailServer | None:
    """None when this installation has no demo."""
    try:
        return MailServer.objects.filter(name=demo.SERVER_NAME, sending__host=demo.HOST).first()
    except DatabaseError:  # never migrated
        return None


def ensure_channel(*, imap_port: int, smtp_port: int) -> None:
    """Creates the mail server, or points an existing one at the ports of this start."""
    server = demo_server()
    if server is None:
        _apply(imap_port, smtp_port)
        return
    server.update(connection={**server.connection, "port": imap_port}, sending={**server.sending, "port": smtp_port})


def _apply(imap_port: int, smtp_port: int) -> None:
    filled = Template(SETTINGS.read_text()).substitute(imap_port=imap_port, smtp_port=smtp_port)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(filled)
        file.flush()
        call_command("channel_config", "apply", file.name, verbosity=0)
