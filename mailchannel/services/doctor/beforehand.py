"""What can be told before anything is connected: what a provider is known for, and whether there is an access token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from mailchannel.network.sights import Sight, Step
from mailchannel.network.way import SignInFailed
from mailchannel.services import providers
from mailchannel.services.doctor.findings import Level
from mailchannel.services.doctor.journey import Journey
from mailchannel.services.doctor.refusal import Server, advice
from mailchannel.services.lint import cloud

PROVIDER = "Provider"
TOKEN = "The sign-in service gave us an access token."  # noqa: S105 - words


def warn_of_provider(server: Server, stored: Mapping[str, Any], journey: Journey) -> None:
    if said := _retired(server, stored):
        journey.say(Level.WARN, PROVIDER, said, field="url")
    provider = providers.of_host(server.host)
    if provider and provider.refuses_passwords and stored.get("password"):
        journey.say(Level.WARN, PROVIDER, provider.refuses_passwords, providers.USE_OAUTH, "password")


def admitted(server: Server, journey: Journey) -> bool:
    """There is an access token, or none is needed. A token in hand is no proof that the mail server takes it."""
    if server.way.token is None:
        return True
    try:
        server.way.token()
    except SignInFailed as error:
        journey.fail(str(error), advice(str(error), server, Step.TOKEN), error.field or "oauth-consent")
        return False
    journey.see(Sight(Step.TOKEN, TOKEN))
    return True


def _retired(server: Server, stored: Mapping[str, Any]) -> str:
    return cloud.warning(str(stored.get("url", "")), timezone.localdate()) if server.protocol == cloud.EWS else ""
