"""Work with a budget, done in a child process that its own limits stop: a hostile mail cannot stop the tests.

CPU seconds, not time on the wall, so that a busy machine changes nothing; only a child that waits instead of working,
for a lock that was held when it was forked, is ended by the clock. Memory is what the child needed on top of what it
inherited.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.identity import identity
from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words
from tests.hostile.reading import ONCE, ask, read, storable

T = TypeVar("T")
#: Above the bound that is asserted, so that a test says by how much it was missed.
ROOM = 4
#: Seconds on the wall, more than any work here may take on the slowest of machines.
PATIENCE = 120


@dataclass(frozen=True)
class Done(Generic[T]):
    result: T
    seconds: float
    megabytes: float


def bounded(
    raw: bytes, look: Callable[[ParsedMail], T] = lambda mail: None, *, seconds: float = 2, megabytes: float = 100
) -> T:
    """What `look` sees in the mail. Fails when reading it raises, or costs more; the bounds are those of small mails."""
    return within(lambda: look(read(raw)), seconds=seconds, megabytes=megabytes)


def parsed(raw: bytes, *, seconds: float, megabytes: float) -> tuple[str, str]:
    """The text and its new words; each reader is asked once, as on the road of a mail: for mails that are bombs."""

    def work() -> tuple[str, str]:
        mail = parse(raw)
        storable(mail)
        ask(ONCE, mail)
        identity(raw)
        return mail.text, new_words(mail)

    return within(work, seconds=seconds, megabytes=megabytes)


@contextlib.contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """For work on the database, which no child process can do for us: breaks it off, even a regular expression."""

    def break_off(*_: object) -> NoReturn:
        raise AssertionError(f"it took more than the {seconds} s CPU that are allowed")

    before = signal.signal(signal.SIGPROF, break_off)
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)  # again and again: somebody may try a second time
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def within(work: Callable[[], T], *, seconds: float, megabytes: float) -> T:
    """The result of the work, which must be picklable."""
    done = measured(work, seconds=seconds, megabytes=megabytes)
    assert done.seconds <= seconds, f"it took {done.seconds:.2f} s CPU, {seconds} are allowed"
    assert done.megabytes <= megabytes, f"it took {done.megabytes:.0f} MB, {megabytes} are allowed"
    return done.result


def measured(work: Callable[[], T], *, seconds: float, megabytes: float) -> Done[T]:
    """Like `within`, but only some multiple of the bounds stops the work."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(work, writing, seconds=seconds, megabytes=megabytes)
    os.close(writing)
    try:
        answer = _said(reading)
    except BaseException:  # among them the clock of the whole test
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    _, status = os.waitpid(pid, 0)
    assert not os.WIFSIGNALED(status), f"the reader died: {signal.Signals(os.WTERMSIG(status)).name}"
    raised, done = pickle.loads(answer)
    assert not raised, raised
    return done


def _said(reading: int) -> bytes:
    """What the child has written when it ends."""
    deadline = time.monotonic() + PATIENCE
    pieces = []
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
            pieces.append(pipe.read(65_536))
            if not pieces[-1]:
                return b"".join(pieces)
    raise AssertionError(f"the reader neither worked nor ended in {PATIENCE} s")


def _child(work: Callable[[], T], writing: int, *, seconds: float, megabytes: float) -> NoReturn:
    try:
        _limit(seconds=seconds, megabytes=megabytes)
        answer = pickle.dumps(("", _measure(work)))
    except BaseException:
        answer = pickle.dumps((traceback.format_exc()[-4000:], None))
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(answer)
    os._exit(0)


def _limit(*, seconds: float, megabytes: float) -> None:
    addressed = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = addressed + int(ROOM * megabytes * 1e6) + 100_000_000
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    cpu = int(ROOM * seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _measure(work: Callable[[], T]) -> Done[T]:
    _give_back()
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Done(result, seconds, (after.ru_maxrss - before.ru_maxrss) * 1024 / 1e6)


def _give_back() -> None:
    """Memory that the parent had freed would hide what the work takes; Linux and glibc only, elsewhere less is seen."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
