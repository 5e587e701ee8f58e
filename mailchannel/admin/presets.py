"""The button "Use default": what a provider wants is filled in, and what a person has typed stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms
from django.http import QueryDict

from mailchannel.models import MailServer
from mailchannel.senders import SENDERS
from mailchannel.services import providers
from mailchannel.services.providers import Endpoint, Provider
from mailchannel.services.sign_in import specs as sign_in
from mailchannel.services.sign_in.clouds import CLOUDS, clouds_of
from mailchannel.transports import TRANSPORTS

#: What the buttons send as `_refresh`: fill in what is empty, or also put it over what was typed.
FILL: Final = "defaults"
REPLACE: Final = "replace"
KNOWN_HOSTS: Final = {each.host for provider in providers.PROVIDERS for each in provider.servers.values()}
PASSWORD: Final = MailServer.Auth.PASSWORD.value


class ProviderField(forms.ChoiceField):
    """Helps to fill in others; never stored, so choosing one is no change."""

    def __init__(self) -> None:
        choices = [(each.key, each.label) for each in providers.PROVIDERS]
        help_text = "Fills in servers, ports and encryption below."
        super().__init__(label="Provider", required=False, choices=choices, help_text=help_text)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


def filled(data: QueryDict) -> tuple[QueryDict, list[str]]:
    """The form as posted, with defaults where the button asked for them, and the names of fields that were typed and
    therefore left alone.
    """
    asked = data.get("_refresh")
    if asked not in (FILL, REPLACE):
        return data, []
    provider = providers.BY_KEY.get(data.get("provider", ""), providers.BY_KEY[providers.OTHER])
    data = data.copy()
    kept: list[str] = []
    protocols = {"": data.get("protocol", ""), "sending-": data.get("sending_protocol") or "smtp"}
    for prefix, endpoint, protocol in _endpoints(provider, protocols):
        typed = [] if asked == REPLACE else _typed(data, prefix, endpoint, protocol)
        kept += typed
        if not typed:
            if endpoint.host:
                data[f"{prefix}host"] = endpoint.host
            data[f"{prefix}port"] = str(providers.usual_port(protocol, endpoint.encryption) or "")
            data[f"{prefix}encryption"] = endpoint.encryption
    _sign_in(data, provider)
    return data, kept


def _sign_in(data: QueryDict, provider: Provider) -> None:
    """A provider that lets nobody in with a password is signed in to by OAuth, each cloud at its own authority."""
    if provider.refuses_passwords:
        reading, sending = str(data.get("protocol", "")), str(data.get("sending_protocol", ""))
        ways = {
            "auth": TRANSPORTS[reading].auths if reading in TRANSPORTS else (),
            "sending_auth": SENDERS[sending].auths if sending in SENDERS else (),
        }
        for name, auths in ways.items():
            if data.get(name, PASSWORD) == PASSWORD and sign_in.MICROSOFT in auths:
                data[name] = sign_in.MICROSOFT
    clouds = [cloud for host in provider.hosts for cloud in clouds_of(f"outlook.{host}")]
    authorities = [f"https://{cloud.login}" for cloud in CLOUDS]
    if clouds and data.get("oauth-authority", authorities[0]) in authorities:
        data["oauth-authority"] = f"https://{clouds[0].login}"


def _endpoints(provider: Provider, protocols: Mapping[str, str]) -> Iterator[tuple[str, Endpoint, str]]:
    for prefix, protocol in protocols.items():
        if protocol in provider.servers:
            yield prefix, provider.servers[protocol], protocol


def _typed(data: QueryDict, prefix: str, endpoint: Endpoint, protocol: str) -> list[str]:
    """Fields whose values are a person's own: no server of a provider we know, no port that is usual."""
    host, port = data.get(f"{prefix}host", "").strip().lower(), data.get(f"{prefix}port", "").strip()
    own_host = endpoint.host and host and host not in KNOWN_HOSTS
    own_port = port and port not in map(str, providers.USUAL_PORTS[protocol].values())
    return [prefix + name for name, own in (("host", own_host), ("port", own_port)) if own]
