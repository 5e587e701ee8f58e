"""Find mails we know in a folder somebody may have tidied: by what they say, not by where they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailchannel.models import InboundMail, RawMail
from mailchannel.parsing.identity import SEARCHED, identity
from mailchannel.transports import MessageRef, Transport

LISTED_AT_ONCE = 200
#: Only so many mails of a folder are looked at, the newest of them.
MOST_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """`whole` is empty where only the headers are known."""

    pk: int
    headers: str
    whole: str


def find(box: Transport, folder: str, rows: Iterable[InboundMail]) -> dict[int, MessageRef]:
    """Row → its mail in the folder; a row whose mail is not there is left out. Reads only. Raises TransportError."""
    wanted = defaultdict[str, list[Wanted]](list)
    for each in _wanted(rows):
        wanted[each.headers].append(each)
    epoch = box.epoch(folder, readonly=True)
    keys = list(box.keys(folder))[-MOST_LISTED:]
    found: dict[int, MessageRef] = {}
    for end in range(len(keys), 0, -LISTED_AT_ONCE):  # the newest first: there they most likely are
        if not any(wanted.values()):
            break
        refs = [MessageRef(folder, key, epoch) for key in keys[max(0, end - LISTED_AT_ONCE) : end]]
        for ref, candidates in _alike(box, refs, wanted):
            if same := _same(box, ref, candidates):
                candidates.remove(same)
                found[same.pk] = ref
    return found


def _print(raw: bytes) -> str:
    """What the headers say of who wrote what, whatever the line ends are."""
    head = raw[:SEARCHED].replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
    return identity(head + b"\n\n")


def _wanted(rows: Iterable[InboundMail]) -> Iterator[Wanted]:
    for row in rows:
        kept = RawMail.objects.filter(pk=row.pk).first()
        if kept is not None:
            raw = kept.content
            yield Wanted(row.pk, _print(raw), "" if row.headers_only else identity(raw))


def _alike(
    box: Transport, refs: Sequence[MessageRef], wanted: dict[str, list[Wanted]]
) -> list[tuple[MessageRef, list[Wanted]]]:
    """Mails whose headers are those of one we look for."""
    seen = [(each.ref, _print(each.raw)) for each in box.fetch_headers(refs)]
    return [(ref, wanted[headers]) for ref, headers in seen if wanted.get(headers)]


def _same(box: Transport, ref: MessageRef, candidates: Sequence[Wanted]) -> Wanted | None:
    """Programs reuse their headers: the whole content decides, wherever we have it."""
    for each in candidates:
        if not each.whole:
            return each
    sizes = [listed.size for listed in box.describe([ref])]
    whole = {identity(mail.raw) for mail in box.fetch([ref], expect_bytes=sum(sizes))}
    return next((each for each in candidates if each.whole in whole), None)
