"""The way into a mailbox, up to its folders."""

from __future__ import annotations

from mailchannel.network.certificate import imap_prelude, pop3_prelude
from mailchannel.network.sights import Step, Watched
from mailchannel.services.doctor import folders
from mailchannel.services.doctor.beforehand import admitted, warn_of_provider
from mailchannel.services.doctor.findings import Candidate, Level, Report
from mailchannel.services.doctor.journey import Journey
from mailchannel.services.doctor.refusal import Server, advice, why
from mailchannel.transports import TRANSPORTS, Transport, TransportError

PART = "Reading mail"
PRELUDES = {"pop3": pop3_prelude}
CONNECTION = "Connection"


def opened(candidate: Candidate) -> Transport:
    return TRANSPORTS[candidate.protocol](candidate.connection, candidate.way)


def look(candidate: Candidate, say: Report) -> None:
    transport = opened(candidate)
    prelude = PRELUDES.get(candidate.protocol, imap_prelude)
    server = Server.of(candidate.protocol, candidate.connection, candidate.way, prelude)
    watched = isinstance(transport, Watched)
    way = (*server.way_in, Step.ABILITIES) if watched else (CONNECTION,)
    journey = Journey(PART, (*way, *folders.STEPS) if transport.has_folders else way, say)
    warn_of_provider(server, candidate.connection, journey)
    if watched and not admitted(server, journey):
        return
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
