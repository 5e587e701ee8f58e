"""The only place where stored secrets meet the settings they belong to."""

from __future__ import annotations

from typing import Any

from mailchannel.models import MailServer

#: Names of secrets used for sending carry this prefix in the encrypted column.
SENDING = "sending."
#: A stored secret was given for one server and one account: when any of these changes it has to be given again.
ADDRESSING = ("host", "port", "encryption", "username")


def connection_settings(server: MailServer) -> dict[str, Any]:
    """What the transport wants, secrets in clear: hand it over, never store, log or show it."""
    secrets = {name: value for name, value in server.secrets.items() if not name.startswith(SENDING)}
    return {**server.connection, **secrets}


def sending_settings(server: MailServer) -> dict[str, Any]:
    """What the sender wants, secrets in clear."""
    secrets = {name.removeprefix(SENDING): v for name, v in server.secrets.items() if name.startswith(SENDING)}
    return {**server.sending, **secrets}
