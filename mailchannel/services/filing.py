"""Do with settled mails on their server what is chosen for their end. Safe to repeat: what is gone already is no error.

Only mail whose outcome is committed is touched. Whoever dies between the deed and the note of it does it once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Final, TypeVar, cast

from django.db.models import Exists, OuterRef

from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import after, trouble
from mailchannel.services.after import Action, Deed
from mailchannel.transports import MessageRef, Remover, Transport, TransportError

Remote = InboundMail.Remote
T = TypeVar("T")

#: Outcome → the setting that says what is done with such mail.
ENDS: Final = {
    Outcome.OPENED: "processed",
    Outcome.ADDED: "processed",
    Outcome.DUPLICATE: "processed",
    Outcome.IGNORED: "ignored",
    Outcome.REJECTED: "failed",
    Outcome.HELD: "failed",
    Outcome.FAILED: "failed",
}
#: Refused before they were even read: they belong to the time before us and stay untouched.
UNTOUCHED = frozenset({"ignored.before_start_date"})
LEFT: Final = Deed(Action.LEAVE)
_REMOTE: Final = {Action.MOVE: Remote.MOVED, Action.DELETE: Remote.DELETED}
#: So many mails are asked for in one go: a command of this length is taken by every server (RFC 7162, section 4).
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Row:
    """What is asked of the ledger. `ours`: we have its bytes."""

    pk: int
    folder: str
    remote_key: str
    headers_only: bool
    outcome: str
    reason: str
    duplicate_of__outcome: str | None
    duplicate_of__reason: str | None
    ours: bool

    @property
    def end(self) -> tuple[str, str]:
        """A duplicate goes where its first copy went."""
        if self.outcome == Outcome.DUPLICATE and self.duplicate_of__outcome:
            return self.duplicate_of__outcome, self.duplicate_of__reason or ""
        return self.outcome, self.reason


class Filing:
    """Filing for one run. What the server refuses to do is tried once a run; those mails stay pending."""

    def __init__(self, server: MailServer, box: Transport) -> None:
        self.server = server
        self.box = box
        self.failed = 0  # mails moved because they could not be processed
        self._deeds = after.deeds(server)
        self._moves_failed = trouble.moves_failed(server)
        self._names: dict[str, str] = {}  # folder as configured → as the server names it
        self._troubles: dict[Deed, TransportError] = {}

    def file(self, folder: str, epoch: str) -> int:
        """Files everything settled and unfiled of this folder. The number of mails moved or deleted."""
        by_deed: dict[Deed, dict[str, int]] = defaultdict(dict)
        for row in self._pending(folder, epoch):
            by_deed[self._deed(row)][row.remote_key] = row.pk
        return sum(
            self._file(folder, epoch, deed, dict(part))
            for deed, keys in by_deed.items()
            for part in _parts(keys.items(), AT_ONCE)
        )

    def raise_trouble(self) -> None:
        """Raises the first TransportError that was put off so that other mails could go on."""
        for error in self._troubles.values():
            raise error

    def _pending(self, folder: str, epoch: str) -> Iterator[_Row]:
        rows = InboundMail.objects.filter(server=self.server, folder=folder, epoch=epoch, remote=Remote.PENDING)
        settled = rows.exclude(outcome=Outcome.RECEIVED).order_by("pk")
        ours = Exists(RawMail.objects.filter(pk=OuterRef("pk")))
        return (
            _Row(*values) for values in settled.annotate(ours=ours).values_list(*(each.name for each in fields(_Row)))
        )

    def _deed(self, row: _Row) -> Deed:
        outcome, reason = row.end
        end = ENDS.get(Outcome(outcome))
        if end is None or reason in UNTOUCHED:
            return LEFT
        deed = self._deeds[end]
        if deed.action is Action.MOVE and (deed.folder == row.folder or self._stays_though_failed(outcome)):
            return LEFT
        if deed.action is Action.DELETE and (row.headers_only or not row.ours):
            return LEFT  # theirs is the only original
        return deed

    def _stays_though_failed(self, outcome: str) -> bool:
        return outcome == Outcome.FAILED and not self._moves_failed

    def _file(self, folder: str, epoch: str, deed: Deed, keys: dict[str, int]) -> int:
        if deed in self._troubles:
            return 0
        try:
            done = self._do(deed, [MessageRef(folder, key, epoch) for key in keys])
        except TransportError as error:
            if error.field != "folders":
                raise
            self._troubles[deed] = error
            return 0
        remote = _REMOTE.get(deed.action, Remote.KEPT) if done else Remote.KEPT
        filed = InboundMail.objects.filter(pk__in=keys.values())
        filed.update(remote=remote, filed_to=deed.folder if remote == Remote.MOVED else "")
        hit("file.committed")
        if remote == Remote.MOVED and deed == self._deeds["failed"]:
            self.failed += filed.filter(outcome=Outcome.FAILED).count()
        return 0 if remote == Remote.KEPT else len(keys)

    def _do(self, deed: Deed, refs: Sequence[MessageRef]) -> bool:
        """False: the server could only leave them where they are."""
        match deed.action:
            case Action.MOVE:
                return self.box.move(refs, self._name(deed.folder))
            case Action.DELETE:
                return self._remover.remove(refs)
            case Action.READ:
                return self._remover.mark_read(refs)
            case Action.LEAVE:
                return True

    @property
    def _remover(self) -> Remover:
        """Nothing else is offered by transports that are none."""
        return cast("Remover", self.box)

    def _name(self, target: str) -> str:
        if target not in self._names:
            self._names[target] = self.box.ensure_folder(target)
        return self._names[target]


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
