"""Run a piece of work in a child process that may die without taking the worker along."""

from __future__ import annotations

import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connections

from mailchannel.kernel import failpoints

log = logging.getLogger(__name__)
_OK, _RAISED = 0, 3


class ChildRaised(Exception):
    """The work raised an exception in the child; its log says which."""


def may_fork() -> bool:
    """A child has all that was open at that moment. SQLite does not work there while another thread has a connection,
    so threads leave such work to a worker, which has none.
    """
    return threading.current_thread() is threading.main_thread()


def run_in_child(work: Callable[[], object]) -> str:
    """How the child died, or an empty string when it came back. Raises ChildRaised.

    The work must be repeatable: what it did not commit did not happen. Only where `may_fork`.
    """
    connections.close_all()  # a connection shared by two processes answers neither
    pid = os.fork()
    if pid == 0:
        _child(work)
    seconds = settings.MAIL_LIMITS["seconds"]
    status = _wait(pid, seconds)
    return f"it took more than {seconds} seconds" if status is None else _verdict(status)


def _child(work: Callable[[], object]) -> None:
    code = _RAISED
    try:
        failpoints.disarm()
        _limit()
        work()
        code = _OK
    except BaseException:
        log.exception("the work raised")
    finally:
        os._exit(code)


def _limit() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # A worker may have taken much already; a child that can take nothing more cannot even open the database.
    memory = _taken() + settings.MAIL_LIMITS["child_memory_bytes"]
    seconds = settings.MAIL_LIMITS["seconds"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _taken() -> int:
    """Bytes of address space; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _wait(pid: int, seconds: int) -> int | None:
    """The child's wait status; None when it took longer and was killed."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _verdict(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.waitstatus_to_exitcode(status)
    if code == _RAISED:
        raise ChildRaised
    return "" if code == _OK else f"exit code {code}"
