"""Move settled mails to the folder their outcome belongs to. Safe to repeat: what is gone already is no error."""

from __future__ import annotations

from collections import defaultdict

from mailchannel.kernel.decisions import Outcome
from mailchannel.kernel.failpoints import hit
from mailchannel.models import FolderMapping, InboundMail, MailServer
from mailchannel.services import trouble
from mailchannel.transports import MessageRef, Transport, TransportError

Role = FolderMapping.Role

FILED_UNDER = {
    Outcome.OPENED: Role.SUCCESS,
    Outcome.ADDED: Role.SUCCESS,
    Outcome.DUPLICATE: Role.SUCCESS,
    Outcome.IGNORED: Role.EXCLUSION,
    Outcome.REJECTED: Role.FAIL,
    Outcome.HELD: Role.FAIL,
    Outcome.FAILED: Role.FAIL,
}
#: Refused before they were even read: they belong to the time before us and stay untouched.
UNTOUCHED = frozenset({"ignored.before_start_date"})
_JUDGED = ("pk", "remote_key", "outcome", "reason", "duplicate_of__outcome", "duplicate_of__reason")


class Filing:
    """Filing for one run. A folder that cannot be moved to is tried once a run; its mails stay pending."""

    def __init__(self, server: MailServer, box: Transport) -> None:
        self.server = server
        self.box = box
        self.failed = 0  # mails moved because they could not be processed
        self._targets = {folder.role: folder.folder for folder in server.folders.all()}
        self._moves_failed = trouble.moves_failed(server)
        self._names: dict[str, str] = {}  # folder as configured → as the server names it
        self._troubles: dict[str, TransportError] = {}

    def file(self, folder: str, epoch: str) -> int:
        """Files everything settled and unfiled of this folder. The number of mails moved."""
        pending = InboundMail.objects.filter(
            server=self.server, folder=folder, epoch=epoch, remote=InboundMail.Remote.PENDING
        ).exclude(outcome=Outcome.RECEIVED)
        by_target: dict[str, dict[str, int]] = defaultdict(dict)
        judged = pending.values_list(*_JUDGED).order_by("pk")
        for pk, key, outcome, reason, first_outcome, first_reason in judged:
            # A duplicate goes where its first copy went.
            end = (first_outcome, first_reason) if outcome == Outcome.DUPLICATE and first_outcome else (outcome, reason)
            by_target[self._target(*end)][key] = pk
        return sum(self._file(folder, epoch, target, keys) for target, keys in by_target.items())

    def raise_trouble(self) -> None:
        """Raises the first TransportError that was put off so that other mails could go on."""
        for error in self._troubles.values():
            raise error

    def _target(self, outcome: str, reason: str) -> str:
        if outcome == Outcome.FAILED and not self._moves_failed:
            return ""
        role = FILED_UNDER.get(Outcome(outcome))
        return self._targets.get(role, "") if role and reason not in UNTOUCHED else ""

    def _file(self, folder: str, epoch: str, target: str, keys: dict[str, int]) -> int:
        if target in self._troubles:
            return 0
        moved = False
        if target and target != folder:
            try:
                moved = self.box.move([MessageRef(folder, key, epoch) for key in keys], self._name(target))
            except TransportError as error:
                if error.field != "folders":
                    raise
                self._troubles[target] = error
                return 0
        remote = InboundMail.Remote.MOVED if moved else InboundMail.Remote.KEPT
        filed = InboundMail.objects.filter(pk__in=keys.values())
        filed.update(remote=remote, filed_to=target if moved else "")
        hit("file.committed")
        if moved and target == self._targets.get(Role.FAIL):
            self.failed += filed.filter(outcome=Outcome.FAILED).count()
        return len(keys) if moved else 0

    def _name(self, target: str) -> str:
        if target not in self._names:
            self._names[target] = self.box.ensure_folder(target)
        return self._names[target]
