"""Write down what a fetch sees and does, for a while and on request; encrypted, without secrets or texts of mails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from types import TracebackType
from typing import Any, Final, Self, cast

from django.db.models.functions import Length
from django.utils import timezone

from mailchannel.models import FetchRun, InboundMail, MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services import audit
from mailchannel.services.audit import Person
from mailchannel.services.error_reports import named_headers
from mailchannel.services.keep import Kept
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, Remover, Transport

#: Offered lengths, in hours.
HOURS: Final = (1, 24)
KEPT_FOR: Final = timedelta(days=7)
HEADERS: Final = ("from", "to", "subject", "message-id", "date")
LONGEST: Final = 300_000  # characters of one log
_LONGEST_LINE: Final = 3_000
_HIDDEN: Final = "•••"


def begin(server: MailServer, *, hours: int, by: Person | None) -> None:
    """Every fetch that begins within these hours is written down."""
    server.update(debug_until=timezone.now() + timedelta(hours=hours))
    audit.record(server, by=by, message=f"Has the fetches of the next {hours} h written down.")


def stop(server: MailServer, *, by: Person | None) -> None:
    server.update(debug_until=timezone.now())
    audit.record(server, by=by, message="Stopped writing down fetches.")


def is_on(server: MailServer) -> bool:
    return server.debug_until is not None and server.debug_until > timezone.now()


def logged_runs(server: MailServer) -> list[FetchRun]:
    """Runs that were written down, newest first, without their logs."""
    if server.debug_until is None:
        return []
    runs = FetchRun.objects.filter(server=server).annotate(written=Length("log")).filter(written__gt=0)
    return list(runs.defer("log")[:50])


def forget_old() -> int:
    """Empties logs older than a week. Mail servers nobody debugs cost nothing."""
    old = timezone.now() - KEPT_FOR
    emptied = 0
    for server in MailServer.objects.exclude(debug_until=None).defer("secrets"):
        runs = FetchRun.objects.filter(server=server, started__lt=old).annotate(written=Length("log"))
        emptied += runs.filter(written__gt=0).update(log="")
        if server.debug_until and server.debug_until < old:
            server.update(debug_until=None)  # by now none of its logs is left
    return emptied


class Notebook:
    """The log of one run. Does nothing unless debugging is on."""

    def __init__(self, server: MailServer, run: FetchRun | None = None) -> None:
        self.on = run is not None and is_on(server)
        self._run = run
        self._secrets = _secrets(server) if self.on else ()
        self._lines: list[str] = []
        self._length = 0

    def write(self, line: str) -> None:
        if not self.on or self._length > LONGEST:
            return
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        self._length += len(line)
        self._lines.append(f"{timezone.localtime():%H:%M:%S.%f} {line}"[:_LONGEST_LINE])
        if self._length > LONGEST:
            self._lines.append("The rest was left out.")

    def save(self) -> None:
        """After each batch, so that the log survives a process that does not."""
        if self.on and self._run:
            FetchRun.objects.filter(pk=self._run.pk).update(log="\n".join(self._lines))

    def listen(self, box: Transport) -> Transport:
        """The transport, telling us everything it is asked and answers."""
        if not self.on:
            return box
        for note in box.notes():
            self.write(f"connected: {note}")
        return cast("Transport", _Overheard(box, self))

    def mails(self, kept: Sequence[Kept]) -> None:
        """What came, and step by step what became of it."""
        if not self.on:
            return
        rows = InboundMail.objects.in_bulk([each.row.pk for each in kept])
        for each in kept:
            row = rows.get(each.row.pk)
            self.write(f"mail {each.row.pk}: key {each.row.remote_key}, {each.row.size} bytes")
            for name, value in named_headers(each.raw, HEADERS):
                self.write(f"  {name}: {value}")
            if row is None:
                self.write("  forgotten: it is fetched whole the next time")
                continue
            for step in row.trace:
                self.write(f"  {step.get('stage')}.{step.get('code')}: {step.get('verdict')} {step.get('because')}")
            self.write(f"  → {row.outcome} ({row.reason}) {row.because}")
        self.save()

    @contextmanager
    def asking(self, what: str) -> Iterator[list[str]]:
        """A question to the mail server; the caller appends what was answered."""
        answer: list[str] = []
        began = time.monotonic()
        try:
            yield answer
        except Exception as error:
            answer.append(f"failed: {error}")
            raise
        finally:
            self.write(f"{what} → {' '.join(answer) or 'done'} ({time.monotonic() - began:.2f} s)")


class _Overheard:
    """A transport that is listened to. Notes names, numbers and sizes, never what a mail says."""

    def __init__(self, box: Transport, notes: Notebook) -> None:
        self._box = box
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._box, name)

    def __enter__(self) -> Self:
        self._box.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._box.__exit__(kind, error, where)

    def notes(self) -> Sequence[str]:
        return self._box.notes()

    def folders(self) -> Sequence[Folder]:
        with self._notes.asking("list the folders") as answer:
            found = self._box.folders()
            answer.append(f"{len(found)} folders")
        return found

    def ensure_folder(self, path: str) -> str:
        with self._notes.asking(f"make sure that {path} exists") as answer:
            name = self._box.ensure_folder(path)
            answer.append(f"called {name}")
        return name

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        with self._notes.asking(f"open {folder}{' to read only' if readonly else ''}") as answer:
            epoch = self._box.epoch(folder, readonly=readonly)
            answer.append(f"epoch {epoch}")
        return epoch

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        with self._notes.asking(f"which mails are in {folder}{f' since {since}' if since else ''}") as answer:
            keys = self._box.keys(folder, since)
            answer.append(f"{len(keys)} mails")
        return keys

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        with self._notes.asking(f"size and arrival of {_named(refs)}") as answer:
            found = list(self._box.describe(refs))
            answer.append(f"{len(found)} mails, {sum(each.size for each in found)} bytes")
        return iter(found)

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        return self._handed_on("fetch", refs, self._box.fetch(refs, expect_bytes=expect_bytes))

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        return self._handed_on("fetch the headers of", refs, self._box.fetch_headers(refs))

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        with self._notes.asking(f"move {_named(refs)} to {folder}") as answer:
            moved = self._box.move(refs, folder)
            answer.append("moved" if moved else "this server leaves them where they are")
        return moved

    def remove(self, refs: Sequence[MessageRef]) -> bool:
        with self._notes.asking(f"delete {_named(refs)}") as answer:
            removed = self._remover.remove(refs)
            answer.append("deleted" if removed else "this server leaves them where they are")
        return removed

    def mark_read(self, refs: Sequence[MessageRef]) -> bool:
        with self._notes.asking(f"mark {_named(refs)} as read") as answer:
            marked = self._remover.mark_read(refs)
            answer.append("marked" if marked else "this server knows no such mark")
        return marked

    @property
    def _remover(self) -> Remover:
        """Asked of those only that are one."""
        return cast("Remover", self._box)

    def _handed_on(self, what: str, refs: Sequence[MessageRef], mails: Iterator[Fetched]) -> Iterator[Fetched]:
        with self._notes.asking(f"{what} {_named(refs)}") as answer:
            mail = next(mails, None)
            size = count = 0
            while mail is not None:
                size, count = size + len(mail.raw), count + 1
                yield mail
                mail = next(mails, None)
            answer.append(f"{count} mails, {size} bytes")


def _named(refs: Sequence[MessageRef]) -> str:
    keys = ", ".join(ref.key for ref in refs[:20])
    return f"{keys} and {len(refs) - 20} more" if len(refs) > 20 else keys


def _secrets(server: MailServer) -> tuple[str, ...]:
    try:
        return tuple(sorted({value for value in server.secrets.values() if value}, key=len, reverse=True))
    except SecretUnreadable:
        return ()
