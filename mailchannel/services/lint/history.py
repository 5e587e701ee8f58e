"""What the mail log says about rules: who wrote lately, and about what. Bounded, whatever the size of the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import MailServer
from mailchannel.pipeline.subject_words import folded

DAYS = 30
MOST_MAILS = 5000


@dataclass(frozen=True, slots=True)
class History:
    """The latest mails of the last 30 days: how many of each customer, and the subjects that led to tickets."""

    customers: Counter[str]  # address → mails that opened or joined a ticket
    subjects: tuple[str, ...]  # of those mails, as they are compared

    @property
    def domains(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for address, mails in self.customers.items():
            found[address.rpartition("@")[2]] += mails
        return found


def recent(server: MailServer) -> History:
    since = timezone.now() - timedelta(days=DAYS)
    rows = server.live.inbound.filter(kept_at__gte=since).order_by("-pk")
    latest = list(rows.values_list("outcome", "sender", "subject")[:MOST_MAILS])
    welcome = [row for row in latest if row[0] in (Outcome.OPENED, Outcome.ADDED)]
    return History(
        Counter(sender.lower() for _, sender, _ in welcome if "@" in sender),
        tuple(folded(subject) for _, _, subject in welcome),
    )
