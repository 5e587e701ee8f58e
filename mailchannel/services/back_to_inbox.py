"""The way of failed mail back to the inbox, where the next fetch judges it anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils import timezone

from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import FolderMapping, InboundMail, MailServer, RawMail
from mailchannel.services import audit
from mailchannel.services.audit import Person
from mailchannel.services.connecting import opened
from mailchannel.services.fail_folder import all_resolved, failed, mails, title, waits_in_inbox
from mailchannel.services.finding import find
from mailchannel.services.keep import judged_anew
from mailchannel.services.lease import Lease, LeaseLost, hold
from mailchannel.services.schedule import fetch_soon
from mailchannel.transports import MessageRef, Transport, TransportError

Remote = InboundMail.Remote
WAIT: Final = 10.0  # seconds for a fetch under way
AT_ONCE: Final = 1000  # mails put back at once
_NAMED: Final = 10  # mails named in a message
_WAITS = "it lies in the inbox again and waits for the next fetch"
_FROM_OUR_COPY = "It was judged again from our copy, at the word of a person."
_NOT_READ = "only its headers were ever read, and the mail server does not have it any more"
_NOT_KEPT = "its original is not kept any more"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of each mail. `moved` lie in the inbox and are fetched anew; `judged` were in no fail folder and
    `gone` not any more, both are judged from our copy; `left` stay as they are. `error`: why it could not go on.
    """

    moved: tuple[InboundMail, ...] = ()
    judged: tuple[InboundMail, ...] = ()
    gone: tuple[InboundMail, ...] = ()
    left: tuple[tuple[InboundMail, str], ...] = ()
    error: str = ""

    @property
    def sentences(self) -> list[str]:
        said = []
        if self.moved:
            said.append(f"{mails(len(self.moved))} moved back: the next fetch judges {_them(self.moved)} anew.")
        if self.judged:
            said.append(f"{mails(len(self.judged))} judged again from our copy, within a minute.")
        if self.gone:
            said.append(f"No longer in the fail folder, so judged again from our copy: {_names(self.gone)}.")
        said += [f"{_names([row])} stays as it is: {why}." for row, why in self.left[:_NAMED]]
        return [*said, *filter(None, [self.error])] or ["There was nothing to put back."]


@dataclass
class _Work:
    """Rows by what can be done about them."""

    filed: dict[str, list[InboundMail]] = field(default_factory=lambda: defaultdict(list))  # by the folder
    elsewhere: list[InboundMail] = field(default_factory=list)


def put_back(server: MailServer, rows: Iterable[InboundMail], *, by: Person | None) -> Result:
    """Moves failed mails back to the folder they came from, where the next fetch judges them anew.

    May be interrupted anywhere and repeated: what is marked before it is moved is recognised by the next fetch. A mail
    that is not in the fail folder is judged again from the bytes we kept. Rows that did not fail are left alone.
    """
    with hold(server.pk, wait=WAIT) as lease:
        if lease is None:
            return Result(error="The mailbox is being fetched right now. Try again in a minute.")
        server.refresh_from_db(fields=["last_success_at", "status"])
        chosen = [row.pk for row in rows][:AT_ONCE]
        result = _put_back(server, lease, failed(server).filter(pk__in=chosen).order_by("pk").defer("manifest"))
    _record(server, result, by)
    all_resolved(server)
    if server.status in MailServer.LIVE and (result.moved or result.judged or result.gone):
        fetch_soon(server.pk)
    return result


def _put_back(server: MailServer, lease: Lease, rows: Iterable[InboundMail]) -> Result:
    work = _Work()
    result = Result()
    for row in rows:
        if row.remote == Remote.MOVED and row.filed_to:
            work.filed[row.filed_to].append(row)
        elif row.remote == Remote.KEPT and waits_in_inbox(server, row):
            result = _together(result, Result(left=((row, _WAITS),)))
        else:
            work.elsewhere.append(row)
    needs_box = bool(work.filed) or any(row.headers_only for row in work.elsewhere)
    if not needs_box:
        return _together(result, _judge_here(work.elsewhere, there=()))
    try:
        with opened(server) as box:
            there = _still_there(box, [row for row in work.elsewhere if row.headers_only])
            for folder, filed in work.filed.items():
                result = _together(result, _move(server, box, lease, folder, filed))
    except TransportError as error:
        return replace(result, error=str(error))
    except LeaseLost:
        return replace(result, error="It took so long that a fetch began meanwhile. Try again when that has ended.")
    return _together(result, _judge_here(work.elsewhere, there=there))


def _move(server: MailServer, box: Transport, lease: Lease, folder: str, rows: Sequence[InboundMail]) -> Result:
    """Marked first, moved then, noted last: whatever is cut off in between, the next fetch knows the mail."""
    name = box.ensure_folder(folder)
    found = find(box, name, rows)
    by_source: dict[str, dict[int, MessageRef]] = defaultdict(dict)
    for row in rows:
        if row.pk in found:
            by_source[_source(server, row)][row.pk] = found[row.pk]
    for source, refs in by_source.items():
        lease.renew()  # finding them among many may have taken long
        rows_there = InboundMail.objects.filter(pk__in=refs, outcome=Outcome.FAILED)
        rows_there.update(retry_at=timezone.now())
        hit("back.marked")
        if not box.move(list(refs.values()), source):
            raise TransportError("This mail server cannot move mail. Move it with your mail program.", field="folders")
        hit("back.moved")
        rows_there.update(remote=Remote.KEPT, filed_to="")
    # The last time may have ended between the move and the note of it.
    noted_late = [row for row in rows if row.pk not in found and waits_in_inbox(server, row)]
    InboundMail.objects.filter(pk__in=[row.pk for row in noted_late]).update(remote=Remote.KEPT, filed_to="")
    moved = tuple(row for row in rows if row.pk in found or row in noted_late)
    gone = _judge_here([row for row in rows if row not in moved], there=())
    return Result(moved=moved, gone=gone.judged, left=gone.left)


def _source(server: MailServer, row: InboundMail) -> str:
    """Where it came from, if that is still read."""
    sources = [each.folder for each in server.folders.all() if each.role == FolderMapping.Role.SOURCE]
    return row.folder if row.folder in sources or not sources else sources[0]


def _still_there(box: Transport, rows: Sequence[InboundMail]) -> frozenset[int]:
    """Rows whose message lies where it was fetched from."""
    there: set[int] = set()
    by_place: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row.folder:
            by_place[row.folder, row.epoch][row.remote_key] = row.pk
    for (folder, epoch), keys in by_place.items():
        if box.epoch(folder, readonly=True) == epoch:
            refs = [MessageRef(folder, key, epoch) for key in keys]
            there |= {keys[listed.ref.key] for listed in box.describe(refs)}
    return frozenset(there)


def _judge_here(rows: Iterable[InboundMail], *, there: Collection[int]) -> Result:
    """From our copy. One of which we have the headers only must be `there`, to be fetched whole."""
    judged: list[InboundMail] = []
    left: list[tuple[InboundMail, str]] = []
    for row in rows:
        if row.headers_only and row.pk not in there:
            left.append((row, _NOT_READ))
        elif not RawMail.objects.filter(pk=row.pk).exists():
            left.append((row, _NOT_KEPT))
        elif InboundMail.objects.filter(pk=row.pk, outcome=Outcome.FAILED).update(**_anew(row)):
            judged.append(row)
    return Result(judged=tuple(judged), left=tuple(left))


def _anew(row: InboundMail) -> dict[str, object]:
    """A message that was left in place is filed by its new end; one that has gone cannot be."""
    remote = row.remote
    if row.remote == Remote.MOVED or not row.folder:
        remote = Remote.KEPT
    elif row.remote == Remote.KEPT:
        remote = Remote.PENDING
    return {**judged_anew(row, _FROM_OUR_COPY), "remote": remote, "filed_to": ""}


def _together(one: Result, other: Result) -> Result:
    return Result(
        one.moved + other.moved,
        one.judged + other.judged,
        one.gone + other.gone,
        one.left + other.left,
        one.error or other.error,
    )


def _record(server: MailServer, result: Result, by: Person | None) -> None:
    done = {"moved back": result.moved, "judged again from our copy": (*result.judged, *result.gone)}
    for what, rows in done.items():
        if rows:
            keys = ", ".join(str(row.pk) for row in rows[:100])
            audit.record(server, by=by, message=f"Failed mail {what}: {keys}{' …' if len(rows) > 100 else ''}.")
            for row in rows[:100]:
                audit.record(row, by=by, message=f"It had failed ({row.reason}); {what}.")


def _them(rows: Sequence[InboundMail]) -> str:
    return "it" if len(rows) == 1 else "them"


def _names(rows: Sequence[InboundMail]) -> str:
    names = [f"“{title(row)}”" for row in rows[:_NAMED]]
    more = [f"{len(rows) - _NAMED} more"] if len(rows) > _NAMED else []
    return ", ".join([*names, *more])
