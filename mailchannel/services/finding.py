"""Find mails we know in a folder somebody may have tidied: by what they say, not by where they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailchannel.models import InboundMail, RawMail
from mailchannel.parsing.header_block import headers_of
from mailchannel.parsing.identity import SEARCHED, identity
from mailchannel.parsing.rebuilt import rebuilt_identity
from mailchannel.services.keep import rewrites
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
    says = Prints(rewrites(box.key))
    wanted = defaultdict[str, list[Wanted]](list)
    for each in _wanted(rows, says):
        wanted[each.headers].append(each)
    epoch = box.epoch(folder, readonly=True)
    keys = list(box.keys(folder))[-MOST_LISTED:]
    found: dict[int, MessageRef] = {}
    for end in range(len(keys), 0, -LISTED_AT_ONCE):  # the newest first: there they most likely are
        if not any(wanted.values()):
            break
        refs = [MessageRef(folder, key, epoch) for key in keys[max(0, end - LISTED_AT_ONCE) : end]]
        for ref, candidates in _alike(box, refs, wanted, says):
            if same := _same(box, ref, candidates, says):
                candidates.remove(same)
                found[same.pk] = ref
    return found


@dataclass(frozen=True, slots=True)
class Prints:
    """By what a mail is known again. `anew`: the server writes it anew each time it is asked for it."""

    anew: bool

    def headers(self, raw: bytes) -> str:
        """What the headers say of who wrote what, whatever the line ends are."""
        if self.anew:
            return rebuilt_identity(headers_of(raw), headers_only=True)
        head = raw[:SEARCHED].replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
        return identity(head + b"\n\n")

    def whole(self, raw: bytes) -> str:
        return rebuilt_identity(raw) if self.anew else identity(raw)


def _wanted(rows: Iterable[InboundMail], says: Prints) -> Iterator[Wanted]:
    for row in rows:
        kept = RawMail.objects.filter(pk=row.pk).first()
        if kept is not None:
            raw = kept.content
            yield Wanted(row.pk, says.headers(raw), "" if row.headers_only else says.whole(raw))


def _alike(
    box: Transport, refs: Sequence[MessageRef], wanted: dict[str, list[Wanted]], says: Prints
) -> list[tuple[MessageRef, list[Wanted]]]:
    """Mails whose headers are those of one we look for."""
    seen = [(each.ref, says.headers(each.raw)) for each in box.fetch_headers(refs)]
    return [(ref, wanted[headers]) for ref, headers in seen if wanted.get(headers)]


def _same(box: Transport, ref: MessageRef, candidates: Sequence[Wanted], says: Prints) -> Wanted | None:
    """Programs reuse their headers: the whole content decides, wherever we have it."""
    for each in candidates:
        if not each.whole:
            return each
    sizes = [listed.size for listed in box.describe([ref])]
    whole = {says.whole(mail.raw) for mail in box.fetch([ref], expect_bytes=sum(sizes))}
    return next((each for each in candidates if each.whole in whole), None)
