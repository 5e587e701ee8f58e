"""Why a step could not be made and what to do: what the server said, and what its settings and certificate say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from mailchannel.network.certificate import Certificate, Prelude, presented
from mailchannel.network.faults import ENTER_AGAIN
from mailchannel.network.graph_client import CLOUDS, base_url
from mailchannel.network.guard import GuardError
from mailchannel.network.sights import HTTPS, Step, steps
from mailchannel.network.way import Way
from mailchannel.services import providers
from mailchannel.services.doctor import remedies

LOOK_SECONDS = 3.0  # on top of the test, for looking at a certificate that was refused

#: Protocols spoken over the web → their address, from the settings.
WEB_ADDRESSES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "graph": lambda stored: base_url(str(stored.get("endpoint") or CLOUDS[0][0])),
    "ews": lambda stored: str(stored.get("url", "")).strip(),
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a test went. `encryption` is HTTPS where a mailbox is reached over the web."""

    protocol: str
    host: str
    port: int
    encryption: str
    way: Way
    prelude: Prelude

    @classmethod
    def of(cls, protocol: str, stored: Mapping[str, Any], way: Way, prelude: Prelude) -> Self:
        if protocol in WEB_ADDRESSES:
            return cls(protocol, *_place(WEB_ADDRESSES[protocol](stored)), HTTPS, way, prelude)
        encryption = str(stored.get("encryption") or providers.usual_encryption(protocol))
        port = stored.get("port") or providers.usual_port(protocol, encryption)
        return cls(protocol, str(stored.get("host", "")), int(port or 0), encryption, way, prelude)

    def certificate(self) -> Certificate | None:
        """The one we did not trust. Looking it up goes through the same guard as every other connection."""
        way = self.way.within(LOOK_SECONDS)
        try:
            target = way.resolve(self.host, self.port)
        except GuardError:
            return None
        return presented(target, way, prelude=self.prelude if self.encryption == "starttls" else None)

    @property
    def way_in(self) -> tuple[Step, ...]:
        """The steps up to being signed in, or up to an open mailbox over the web."""
        return (Step.TOKEN, *steps(self.encryption)) if self.way.token else steps(self.encryption)


def _place(url: str) -> tuple[str, int]:
    """Host and port. Empty where it is no address."""
    try:
        where = urlsplit(url)
        return where.hostname or "", where.port or 443
    except ValueError:
        return "", 443


def why(text: str, server: Server, step: str) -> str:
    """What went wrong; of a certificate also whose it is, by whom and until when."""
    if step == Step.TLS and "certificate" in text:
        seen = server.certificate()
        return f"{text} It was {seen}." if seen else text
    return text.removesuffix(ENTER_AGAIN)  # what to do is said better beside it


def advice(text: str, server: Server, step: str) -> str:
    wrong_port = _wrong_port(server) if step in (Step.LINE, Step.TLS) else ""
    return " ".join(filter(None, (wrong_port, _remedy(text, server))))


def _remedy(text: str, server: Server) -> str:
    """A wrong password means something else at a provider that takes none, or only those made for programs."""
    found = remedies.remedy(text)
    provider = providers.of_host(server.host)
    if found and found.key == "credentials" and provider:
        return provider.note
    return found.todo if found else ""


def _wrong_port(server: Server) -> str:
    """Known from the settings alone: what listens on a port is nobody's business."""
    usual = providers.usual_port(server.protocol, server.encryption)
    belongs = providers.encryption_of(server.protocol, server.port)
    if not usual or not belongs or server.encryption in belongs:
        return ""
    names = " or ".join(providers.ENCRYPTIONS[each] for each in belongs)
    return f"Port {server.port} usually goes with {names}; {providers.ENCRYPTIONS[server.encryption]} has port {usual}."
