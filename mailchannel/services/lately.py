"""What became of the mails of the last days, in numbers: a bounded look at the mail log and the outbox."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from mailchannel.models import MailServer

DAYS: Final = 7
#: The latest so many mails are counted; a page must not read a large log whole.
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Lately:
    """Mails received by reason and by where they lie, mails written by state."""

    reasons: Counter[str]
    remote: Counter[str]
    sent: Counter[str]
    all_of_them: bool = True  # False: there are more than were counted

    @property
    def received(self) -> int:
        return self.reasons.total()

    def ended(self, *beginnings: str) -> int:
        """Mails whose reason is one of these, or begins with one that ends in a dot."""
        return sum(
            mails
            for reason, mails in self.reasons.items()
            if reason in beginnings or reason.startswith(tuple(each for each in beginnings if each.endswith(".")))
        )


def lately(server: MailServer) -> Lately:
    since = timezone.now() - timedelta(days=DAYS)
    mails = _latest(server.live.inbound.filter(kept_at__gte=since), "reason", "remote")
    sent = _latest(server.live.outbound.filter(created__gte=since), "state")
    return Lately(
        reasons=Counter(reason for reason, _ in mails),
        remote=Counter(remote for _, remote in mails),
        sent=Counter(state for (state,) in sent),
        all_of_them=max(len(mails), len(sent)) < MOST_COUNTED,
    )


def _latest(rows: Any, *columns: str) -> list[Any]:
    return list(rows.order_by("-pk").values_list(*columns)[:MOST_COUNTED])
