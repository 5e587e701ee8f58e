"""The way to the server answers leave by, up to the point where a mail could be handed over."""

from __future__ import annotations

from django.conf import settings

from mailchannel.network.certificate import smtp_prelude
from mailchannel.network.sights import Watched, steps
from mailchannel.senders import SENDERS, SendError
from mailchannel.services.doctor.findings import Candidate, Finding, Level, Report
from mailchannel.services.doctor.journey import Journey
from mailchannel.services.doctor.refusal import Server, advice, why

PART = "Sending answers"
CONNECTION, HANDING_OVER = "Connection", "Handing over"
NOT_SENT = "No mail was sent. Whether the server takes mail from this address shows with the first answer."


def look(candidate: Candidate, timeout: float, say: Report) -> None:
    if not candidate.sending.get("host"):
        missing = "Sending is not set up."
        say(Finding(Level.WARN, missing, "Answers cannot leave until it is.", "sending-host", PART))
        return
    sender = SENDERS["smtp"](candidate.sending, timeout=timeout, allow_private=settings.ALLOW_PRIVATE_HOSTS)
    server = Server.of("smtp", candidate.sending, timeout, smtp_prelude)
    watched = isinstance(sender, Watched)
    way = steps(server.encryption) if watched else (CONNECTION,)
    journey = Journey(PART, (*way, HANDING_OVER), say, field_prefix="sending-")
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
