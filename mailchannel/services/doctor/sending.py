"""The way to the server answers leave by, up to the point where a mail could be handed over."""

from __future__ import annotations

from mailchannel.network.certificate import smtp_prelude
from mailchannel.network.sights import HTTPS, Watched
from mailchannel.senders import SENDERS, SendError
from mailchannel.services.doctor.beforehand import admitted, warn_of_provider
from mailchannel.services.doctor.findings import Candidate, Finding, Level, Report
from mailchannel.services.doctor.journey import Journey
from mailchannel.services.doctor.refusal import Server, advice, why
from mailchannel.services.leaving import lacking

PART = "Sending answers"
CONNECTION, HANDING_OVER = "Connection", "Handing over"
NOT_SENT = "No mail was sent. Whether the server takes mail from this address shows with the first answer."


def look(candidate: Candidate, say: Report) -> None:
    if missing := lacking(candidate.sending_protocol, candidate.sending):
        field = f"sending-{missing.name}"
        say(Finding(Level.WARN, "Sending is not set up.", "Answers cannot leave until it is.", field, PART))
        return
    sender = SENDERS[candidate.sending_protocol](candidate.sending, candidate.sending_way)
    server = Server.of(candidate.sending_protocol, candidate.sending, candidate.sending_way, smtp_prelude)
    watched = isinstance(sender, Watched)
    way = server.way_in if watched else (CONNECTION,)
    journey = Journey(PART, (*way, HANDING_OVER), say, field_prefix="sending-")
    if server.encryption == HTTPS:
        warn_of_provider(server, candidate.sending, journey)
    if watched and not admitted(server, journey):
        return
    if isinstance(sender, Watched):
        sender.watch(journey.see)
    try:
        notes = sender.check()
    except SendError as error:
        step = journey.failed_at(error.field)
        journey.fail(f"Sending: {why(str(error), server, step)}", advice(str(error), server, step), error.field)
        return
    for note in () if watched else notes:
        journey.say(Level.OK, CONNECTION, note)
    journey.say(Level.OK, HANDING_OVER, NOT_SENT)
