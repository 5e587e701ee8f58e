"""Runs several programs as one: starts them, starts again what dies, and ends all of them together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

GRACE = 25.0  # seconds a program has to finish what it is doing
STEADY = 5.0  # a program that lived this long had started well
QUICK_DEATHS = 5  # so many deaths in a row before it was steady: trying again cannot help
LONGEST_PAUSE = 30.0
WATCH_EVERY = 0.2

Say = Callable[[str], None]

# Loaded before any fork: between fork and exec only async-signal-safe work is allowed.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """A supervisor killed with -9 cannot stop its programs; the kernel tells them instead (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Program:
    """One program in a session of its own, so that a Ctrl-C in the terminal reaches the supervisor alone."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    due: float = field(default=0.0, init=False)
    quick_deaths: int = field(default=0, init=False)

    @property
    def hopeless(self) -> bool:
        return self.quick_deaths >= QUICK_DEATHS

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own argument lists
            self.argv,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if _libc is not None else None,
        )

    def tend(self) -> str:
        """Starts the program when it is due and clears up after its death; returns news worth telling."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self.start()
            return ""
        code = self.process.poll()
        return "" if code is None else self._bury(code)

    def ask_to_stop(self) -> None:
        """Tells the leader only: a task worker that gets SIGTERM itself is cut off in the middle of a mail."""
        if self.process is not None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            self._sweep()
            self.process.wait()

    def _bury(self, code: int) -> str:
        self._sweep()
        self.process = None
        lived = time.monotonic() - self.started
        self.quick_deaths = self.quick_deaths + 1 if lived < STEADY else 0
        if self.hopeless:
            return f"{self.name} ended {self.quick_deaths} times right after its start; giving up."
        pause = min(LONGEST_PAUSE, 0.5 * 2**self.quick_deaths)
        self.due = time.monotonic() + pause
        return f"{self.name} ended with {code} after {lived:.0f} s; starting it again in {pause:g} s."

    def _sweep(self) -> None:
        """Orphans of a dead leader would go on working beside its successor; they share its process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


class StopRequest:
    """Remembers that somebody asked us to stop: Ctrl-C, a plain kill, or a closed terminal."""

    def __init__(self) -> None:
        self.made = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.made = True


def supervise(programs: Sequence[Program], stop: StopRequest, *, watch: Callable[[], None], say: Say) -> int:
    """Runs until asked to stop (returns 0) or until a program keeps failing (returns 1). `watch` is called often."""
    hopeless = False
    while not stop.made and not hopeless:
        for program in programs:
            if news := program.tend():
                say(news)
        hopeless = any(program.hopeless for program in programs)
        watch()
        time.sleep(WATCH_EVERY)
    _end(programs)
    return int(hopeless)


def _end(programs: Sequence[Program]) -> None:
    deadline = time.monotonic() + GRACE
    for program in programs:
        program.ask_to_stop()
    for program in programs:
        program.wait(max(0.1, deadline - time.monotonic()))
