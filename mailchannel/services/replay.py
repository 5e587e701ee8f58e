"""The newest mails of the mail log, judged by the published settings and by a draft: what the draft would change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services.audit import Person
from mailchannel.services.config import freeze
from mailchannel.services.preview import Preview
from mailchannel.services.receive import BATCH_MAILS
from mailchannel.services.rehearsal import MOST, SECONDS, Row, Trial, note
from mailchannel.services.supposed import Supposed
from mailchannel.services.trying import Sample, Tried, World, parsed

_ENDS = {Outcome.OPENED: "a new ticket", Outcome.ADDED: "added to {}", Outcome.RECEIVED: "not decided"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing the two settings do otherwise with a mail."""

    what: str
    before: str
    after: str


def replay(
    server: MailServer, draft: MailServer, last: int = 50, *, by: Person | None = None, seconds: float = SECONDS
) -> Trial:
    """Both settings judge the same mails from the same beginning: as if none of them had been received yet.

    Deterministic, and nothing is written but who looked.
    """
    deadline = time.monotonic() + seconds
    kept = server.inbound.filter(raw__isnull=False).order_by("-pk")
    pks = list(kept.values_list("pk", flat=True)[: max(1, min(last, MOST))])[::-1]
    supposed = Supposed(unseen=frozenset(pks), strangers=_strangers(server, pks))
    worlds = [World(each, freeze(each), supposed) for each in (draft, server)]
    trial = Trial([], wanted=len(pks), there=len(pks))
    for start in range(0, len(pks), BATCH_MAILS):
        if time.monotonic() > deadline:
            trial.late = True
            break
        samples = list(_stored(pks[start : start + BATCH_MAILS]))
        mails = parsed(samples)
        trial.rows += [Row(*pair) for pair in zip(*(world.judge(samples, mails) for world in worlds), strict=True)]
    note(server, f"Tried the draft on {len(trial.rows)} mails of the mail log; nothing changed.", by)
    return trial


def differences(row: Row) -> list[Difference]:
    """Empty where nothing was compared, or both settings do the same."""
    if row.before is None:
        return []
    before, after = row.before, row.after
    same = (before.outcome, before.reason, before.thread) == (after.outcome, after.reason, after.thread)
    pairs = [] if same else [Difference("Outcome", _end(before), _end(after))]
    if after.thread and before.thread:
        pairs += _differing(before.preview, after.preview)
    return pairs


def _strangers(server: MailServer, pks: Sequence[int]) -> frozenset[str]:
    """Whoever became a contact by one of these mails. Where unknown senders are refused nobody does."""
    if server.acceptance.get("unknown_senders") == "refuse":
        return frozenset()
    senders = set(InboundMail.objects.filter(pk__in=pks, ticket__isnull=False).values_list("sender", flat=True))
    earlier = InboundMail.objects.filter(sender__in=senders, ticket__isnull=False, pk__lt=min(pks, default=0))
    return frozenset(senders - set(earlier.values_list("sender", flat=True).distinct()))


def _stored(pks: Sequence[int]) -> Iterator[Sample]:
    rows = InboundMail.objects.filter(pk__in=pks, raw__isnull=False).select_related("raw", "ticket").order_by("pk")
    for row in rows:
        opened = row.ticket.number if row.ticket and row.outcome == Outcome.OPENED else f"the ticket of mail {row.pk}"
        yield Sample(row.raw.content, row.received_at, row.size, opened, row.headers_only, row.folder, row)


def _end(tried: Tried) -> str:
    if tried.outcome in _ENDS:
        return _ENDS[tried.outcome].format(tried.thread)
    return f"{tried.outcome.value}: {tried.because or tried.reason}"


def _differing(before: Preview | None, after: Preview | None) -> Iterator[Difference]:
    old, new = _facts(before), _facts(after)
    for what in dict.fromkeys((*old, *new)):
        if old.get(what, "") != new.get(what, ""):
            yield Difference(what, old.get(what, ""), new.get(what, ""))


def _facts(preview: Preview | None) -> dict[str, str]:
    if preview is None:
        return {}
    files = {f"File {place}: {each.name}": each.verdict for place, each in enumerate(preview.files, start=1)}
    return {"Template": preview.template} | {each.label: each.value for each in preview.values} | files
