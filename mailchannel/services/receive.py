"""Fetch a mailbox: keep, settle, file, batch by batch. Every step is safe to repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from django.utils import timezone

from mailchannel.kernel.channel import Channel
from mailchannel.models import FolderMapping, InboundMail, MailServer
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services import fail_folder, older_mail, reused_names
from mailchannel.services.config import freeze
from mailchannel.services.debug import Notebook
from mailchannel.services.filing import Filing
from mailchannel.services.keep import Arrival, Place, keep
from mailchannel.services.lease import Lease
from mailchannel.services.same_mailbox import of_same_account
from mailchannel.services.settle import settle_kept
from mailchannel.transports import TRANSPORTS, Fetched, Listed, MessageRef, Transport

BATCH_MAILS = 50
BATCH_BYTES = 8_000_000
LISTED_AT_ONCE = 500
INBOX = "INBOX"
#: Counted beside the outcomes: mails that the mail server has listed and that it keeps to itself.
NOT_HANDED_OVER: Final = "not handed over"

Progress = Callable[[int, int], None]
Answer = TypeVar("Answer", Listed, Fetched)


class Stopped(Exception):
    """The mail server was paused or its settings changed while it was being fetched."""


@dataclass
class Tally:
    """What a run did so far; kept outside the run so that a failure does not lose it."""

    fetched: int = 0
    filed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class Fetch:
    """One run over all source folders of one mail server, with an open transport and the lease held."""

    def __init__(
        self,
        server: MailServer,
        box: Transport,
        lease: Lease,
        tally: Tally,
        progress: Progress,
        notes: Notebook | None = None,
    ) -> None:
        self.server = server
        self.notes = notes or Notebook(server)
        self.box = box
        self.lease = lease
        self.tally = tally
        self.progress = progress
        self.channel: Channel = freeze(server)
        self.filing = Filing(server, box)
        self.room = fail_folder.room(server)

    def run(self) -> None:
        """Raises TransportError, StorageTrouble, LeaseLost, Stopped."""
        for folder in sources(self.server):
            self._drain(folder)
        self.filing.raise_trouble()

    def _drain(self, folder: str) -> None:
        epoch = self.box.epoch(folder)
        self._forget_other_epochs(folder, epoch)
        reused_names.let_go(self.server, self.box, folder, epoch)
        self._file(folder, epoch)
        began = timezone.now()
        older = self.channel.sync_start is not None and older_mail.is_due(self.server, self.box, folder, epoch)
        keys = self._new_keys(folder, epoch, older=older)
        for done, batch in self._batches(folder, epoch, keys):
            self._check_on_everything()
            self._take(folder, epoch, batch)
            self.progress(done, len(keys))
        if older:
            older_mail.was_looked_for(self.server, self.box, folder, epoch, began)

    def _forget_other_epochs(self, folder: str, epoch: str) -> None:
        """Keys of another epoch name other messages now: nothing may be moved by them. The mails are recognised by
        their identity when they are listed again (RFC 3501 section 2.3.1.1).
        """
        InboundMail.objects.filter(server=self.server, folder=folder, remote=InboundMail.Remote.PENDING).exclude(
            epoch=epoch
        ).update(remote=InboundMail.Remote.EPOCH_LOST)

    def _new_keys(self, folder: str, epoch: str, *, older: bool) -> list[str]:
        """Oldest first. Neither a read flag nor a high-water mark decides what is new, only the ledger."""
        start = self.channel.sync_start
        keys = older_mail.keys(self.box, folder, start, older=older) if start else list(self.box.keys(folder))
        shared = InboundMail.objects.filter(server__in=of_same_account(self.server), folder=folder, epoch=epoch)
        if len(keys) <= LISTED_AT_ONCE:  # the folder may be nearly empty and its past long
            shared = shared.filter(remote_key__in=keys)
        known = dict(shared.filter(retry_at=None).order_by().values_list("remote_key", "remote"))
        self._file_again(folder, epoch, [key for key in keys if known.get(key) == InboundMail.Remote.MOVED])
        return [key for key in keys if key not in known]

    def _file_again(self, folder: str, epoch: str, keys: Sequence[str]) -> None:
        """Somebody has moved them back here, and the server knows a mail by one name wherever it lies. Elsewhere such
        a mail comes with another name, as a duplicate, and is filed as that.
        """
        for start in range(0, len(keys), LISTED_AT_ONCE):
            rows = InboundMail.objects.filter(server=self.server, folder=folder, epoch=epoch)
            some = rows.filter(remote_key__in=keys[start : start + LISTED_AT_ONCE], remote=InboundMail.Remote.MOVED)
            some.update(remote=InboundMail.Remote.PENDING, filed_to="")
        if keys:
            self._file(folder, epoch)

    def _batches(self, folder: str, epoch: str, keys: Sequence[str]) -> Iterator[tuple[int, list[Listed]]]:
        """(keys looked at so far, next batch)."""
        for start in range(0, len(keys), LISTED_AT_ONCE):
            refs = [MessageRef(folder, key, epoch) for key in keys[start : start + LISTED_AT_ONCE]]
            done = start
            for batch in batches(self._handed_over(refs, self.box.describe(refs)), self._most):
                done += len(batch)
                yield done, batch

    def _most(self) -> int:
        """Mails to a batch: no more than may fail before fetching stops, so that it stops at exactly that number."""
        return BATCH_MAILS if self.room is None else min(BATCH_MAILS, max(self.room - self.filing.failed, 1))

    def _check_on_everything(self) -> None:
        self.lease.renew()
        now = MailServer.objects.filter(pk=self.server.pk).values_list("status", "version").first()
        if now != (self.server.status, self.server.version):
            raise Stopped("The mail server was paused or published anew; the next run uses the new settings.")

    def _take(self, folder: str, epoch: str, batch: Sequence[Listed]) -> None:
        headers = [listed for listed in batch if headers_suffice(listed, self.channel)]
        whole = [listed for listed in batch if not headers_suffice(listed, self.channel)]
        arrivals = [*self._arrivals(whole, headers_only=False), *self._arrivals(headers, headers_only=True)]
        order = {listed.ref.key: place for place, listed in enumerate(batch)}
        arrivals.sort(key=lambda arrival: order[arrival.key])
        kept = keep(self.server, Place(self.server.protocol, folder, epoch), arrivals)
        self.tally.fetched += len(kept)
        self.tally.outcomes += settle_kept(kept, self.channel)
        self.notes.mails(kept)
        self._file(folder, epoch)

    def _file(self, folder: str, epoch: str) -> None:
        before = self.filing.failed
        self.tally.filed += self.filing.file(folder, epoch)
        if self.filing.failed > before and fail_folder.stop_if_full(self.server):
            raise Stopped("So many mails failed that fetching stops until a person resumes it.")

    def _arrivals(self, batch: Sequence[Listed], *, headers_only: bool) -> Iterator[Arrival]:
        if not batch:
            return
        known = {listed.ref.key: listed for listed in batch}
        refs = [listed.ref for listed in batch]
        fetched = (
            self.box.fetch_headers(refs)
            if headers_only
            else self.box.fetch(refs, expect_bytes=sum(listed.size for listed in batch))
        )
        for mail in self._handed_over(refs, fetched):
            listed = known[mail.ref.key]
            received = listed.received_at or timezone.now()
            size = listed.size if headers_only else len(mail.raw)
            yield Arrival(mail.ref.key, mail.raw, received, size, headers_only)

    def _handed_over(self, asked: Sequence[MessageRef], answered: Iterable[Answer]) -> Iterator[Answer]:
        """Counts those that do not come: damaged on the server, or taken away by somebody just now."""
        missing = dict.fromkeys(ref.key for ref in asked)
        for each in answered:
            missing.pop(each.ref.key, None)
            yield each
        if missing:
            self.tally.outcomes[NOT_HANDED_OVER] += len(missing)
            self.notes.write(f"{NOT_HANDED_OVER}: {', '.join(missing)}")


def sources(server: MailServer) -> list[str]:
    """The folders mail is read from, in the order they are read. Where there are none, the mailbox is the inbox."""
    if server.protocol in TRANSPORTS and not TRANSPORTS[server.protocol].has_folders:
        return [INBOX]
    roles, folders = FolderMapping.Role, list(server.folders.all())
    never = {each.folder for each in folders if each.role == roles.NEVER_READ}
    return [each.folder for each in folders if each.role == roles.SOURCE and each.folder not in never]


def batches(listed: Iterable[Listed], most: Callable[[], int] = lambda: BATCH_MAILS) -> Iterator[list[Listed]]:
    """Bounded by count and by bytes; `most` is asked anew before each mail."""
    batch: list[Listed] = []
    for each in listed:
        if batch and (len(batch) >= most() or sum(mail.size for mail in batch) + each.size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def headers_suffice(listed: Listed, channel: Channel) -> bool:
    """Too large, or from before the start date: its body is not read."""
    start = channel.sync_start
    too_old = start is not None and listed.received_at is not None and listed.received_at < start
    return too_old or listed.size > limit(channel.acceptance)
