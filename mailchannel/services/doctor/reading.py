"""The way into a mailbox, up to its folders."""

from __future__ import annotations

from django.conf import settings

from mailchannel.network.certificate import imap_prelude
from mailchannel.network.sights import Step, Watched, steps
from mailchannel.services import providers
from mailchannel.services.doctor import folders
from mailchannel.services.doctor.findings import Candidate, Level, Report
from mailchannel.services.doctor.journey import Journey
from mailchannel.services.doctor.refusal import Server, advice, why
from mailchannel.transports import TRANSPORTS, Transport, TransportError

PART = "Reading mail"
PROVIDER, CONNECTION = "Provider", "Connection"


def opened(candidate: Candidate, timeout: float) -> Transport:
    transport = TRANSPORTS[candidate.protocol]
    return transport(candidate.connection, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)


def look(candidate: Candidate, timeout: float, say: Report) -> None:
    transport = opened(candidate, timeout)
    server = Server.of(candidate.protocol, candidate.connection, timeout, imap_prelude)
    watched = isinstance(transport, Watched)
    way = (*steps(server.encryption), Step.ABILITIES) if watched else (CONNECTION,)
    journey = Journey(PART, (*way, *folders.STEPS) if transport.has_folders else way, say)
    _warn_of_provider(candidate, server, journey)
    if isinstance(transport, Watched):
        transport.watch(journey.see)
    try:
        with transport as box:
            if not watched:
                for note in box.notes():
                    journey.say(Level.OK, CONNECTION, note)
            if box.has_folders:
                folders.look(box, candidate, journey)
    except TransportError as error:
        step = journey.failed_at(error.field)
        journey.fail(why(str(error), server, step), advice(str(error), server, step), error.field)


def _warn_of_provider(candidate: Candidate, server: Server, journey: Journey) -> None:
    provider = providers.of_host(server.host)
    if provider and provider.refuses_passwords and candidate.connection.get("password"):
        journey.say(Level.WARN, PROVIDER, provider.refuses_passwords, providers.USE_OAUTH, "password")
