"""Why a step could not be made and what to do: what the server said, and what its settings and certificate say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings

from mailchannel.network.certificate import Certificate, Prelude, presented
from mailchannel.network.faults import ENTER_AGAIN
from mailchannel.network.guard import GuardError, resolve
from mailchannel.network.sights import Step
from mailchannel.services import providers
from mailchannel.services.doctor import remedies

LOOK_SECONDS = 3.0  # on top of the test, for looking at a certificate that was refused


@dataclass(frozen=True, slots=True)
class Server:
    """Where a test went."""

    protocol: str
    host: str
    port: int
    encryption: str
    timeout: float
    prelude: Prelude

    @classmethod
    def of(cls, protocol: str, stored: Mapping[str, Any], timeout: float, prelude: Prelude) -> Self:
        encryption = str(stored.get("encryption") or providers.usual_encryption(protocol))
        port = stored.get("port") or providers.usual_port(protocol, encryption)
        return cls(protocol, str(stored.get("host", "")), int(port or 0), encryption, timeout, prelude)

    def certificate(self) -> Certificate | None:
        """The one we did not trust. Looking it up goes through the same guard as every other connection."""
        timeout = min(self.timeout, LOOK_SECONDS)
        try:
            target = resolve(self.host, self.port, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)
        except GuardError:
            return None
        return presented(target, timeout=timeout, prelude=self.prelude if self.encryption == "starttls" else None)


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
