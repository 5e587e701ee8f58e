"""Which client speaks to which provider."""

from __future__ import annotations

from mailchannel.network.way import Way
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.client import OAuthClient
from mailchannel.services.sign_in.grants import Client
from mailchannel.services.sign_in.specs import MICROSOFT


def client_of(application: Application, way: Way) -> Client:
    """Microsoft's library knows only its own addresses: whoever gave others gets the client by the book."""
    if application.auth == MICROSOFT and not application.authorization_url and not application.token_url:
        from mailchannel.services.sign_in.microsoft import MicrosoftClient  # its library takes long to load

        return MicrosoftClient(application, way)
    return OAuthClient(application, way)
