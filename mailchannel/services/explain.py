"""What would become of this mail, or why it became what it became: the real decision, applied to nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from mailchannel.kernel.decisions import Decision
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, MailServer
from mailchannel.pipeline.decide import decide
from mailchannel.services import retention
from mailchannel.services.config import freeze
from mailchannel.services.facts import Question, gather
from mailchannel.services.keep import name
from mailchannel.services.reading import parse


@dataclass(frozen=True, slots=True)
class Explanation:
    mail: ParsedMail
    decision: Decision
    known_as: int | None  # the mail's row in the mail log, when it was received before


def explain(server: MailServer, raw: bytes, *, received_at: datetime | None = None) -> Explanation:
    """Decides with the settings of now. A mail the ledger holds to the letter is judged again as that very mail; any
    other one is judged as if it came in now.
    """
    mail = parse(raw)
    channel = freeze(server)
    row = _ledger_row(server, raw) or _next_copy(server, raw)
    when = received_at or (row.received_at if row and row.pk else timezone.now())
    (facts,) = gather([Question(mail, when, row)], channel)
    decision = decide(mail, channel, facts)
    return Explanation(mail, decision, row.pk if row else None)


def _ledger_row(server: MailServer, raw: bytes) -> InboundMail | None:
    digest = hashlib.sha256(raw).hexdigest()
    same = InboundMail.objects.filter(server=server.live, raw__sha256=digest, headers_only=False)
    return same.select_related("duplicate_of").order_by("-pk").first() or retention.known(server.live, raw)


def _next_copy(server: MailServer, raw: bytes) -> InboundMail | None:
    """An unsaved row for another copy of a mail we have, or None for a mail we never had."""
    named = name(raw, acceptance=server.acceptance, transport=server.protocol)
    same = InboundMail.objects.filter(server=server.live, identity=named)
    first = same.filter(duplicate_of=None).first()
    return InboundMail(server=server.live, duplicate_of=first, received_at=timezone.now()) if first else None
