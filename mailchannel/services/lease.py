"""One fetch of a mailbox at a time, on however many machines.

The lease is a column taken by a conditional update in database time. A holder that was killed is recognised on its
own machine by its process id, so that nobody waits for the lease to run out.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.db.models import Q
from django.db.models.functions import Now

from mailchannel.kernel.failpoints import hit
from mailchannel.models import MailServer

LENGTH = timedelta(seconds=120)  # longer than one batch may take; renewed between batches
_POLL = 0.25  # seconds


class LeaseLost(Exception):
    """Somebody else holds the lease now: this process was too slow and must not touch the mailbox any more."""


class Lease:
    """Held on one mail server until released."""

    def __init__(self, server_id: int, owner: str) -> None:
        self.server_id = server_id
        self.owner = owner

    def renew(self) -> None:
        """Raises LeaseLost."""
        mine = MailServer.objects.filter(pk=self.server_id, lease_owner=self.owner)
        if mine.update(lease_until=Now() + LENGTH) != 1:
            raise LeaseLost(f"another worker took over mail server {self.server_id}")

    def release(self) -> None:
        mine = MailServer.objects.filter(pk=self.server_id, lease_owner=self.owner)
        mine.update(lease_owner="", lease_until=None)


@contextmanager
def hold(server_id: int, *, wait: float = 0) -> Iterator[Lease | None]:
    """The lease, or None when another worker keeps it for longer than `wait` seconds."""
    lease = _take_within(server_id, wait)
    if lease is None:
        yield None
        return
    hit("lease.taken")
    try:
        yield lease
    finally:
        lease.release()


def _take_within(server_id: int, wait: float) -> Lease | None:
    deadline = time.monotonic() + wait
    while (lease := _take(server_id)) is None and time.monotonic() < deadline:
        time.sleep(_POLL)
    return lease


def _take(server_id: int) -> Lease | None:
    owner = f"{_machine()}/{os.getpid()}/{_started(os.getpid())}/{secrets.token_hex(8)}"
    server = MailServer.objects.filter(pk=server_id)
    free = Q(lease_owner="") | Q(lease_until=None) | Q(lease_until__lt=Now())
    holder = server.values_list("lease_owner", flat=True).first() or ""
    if holder and _died(holder):
        free |= Q(lease_owner=holder)
    taken = server.filter(free).update(lease_owner=owner, lease_until=Now() + LENGTH)
    return Lease(server_id, owner) if taken == 1 else None


def _died(owner: str) -> bool:
    """True only for a process of this very machine that certainly does not run any more."""
    machine, pid, started, _ = [*owner.split("/"), "", "", ""][:4]
    return bool(machine) and machine == _machine() and pid.isdigit() and _started(int(pid)) != started


@cache
def _machine() -> str:
    """This boot of this machine and its process-id namespace, or nothing where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - Path.stat is no clearer here
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When the process began, in clock ticks since boot; empty when there is none (a zombie does not run either)."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]
