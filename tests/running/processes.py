"""Our commands as a person starts them: real processes, with a directory of their own for everything they write."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NoReturn

from django.core.management import execute_from_command_line
from django.db import connections

from mailchannel.kernel import failpoints

DATABASE = "helpdesk.sqlite3"
ROOT = Path(__file__).resolve().parents[2]


def environment(var: Path, **changes: str) -> dict[str, str]:
    """The tests' environment, without their database; left empty means the default."""
    defaults = dict.fromkeys(("DATABASE_URL", "MEDIA_ROOT", "PUBLIC_URL", "EMAIL_URL", "HELPDESK_FAILPOINT"), "")
    return {**os.environ, **defaults, "VAR_DIR": str(var), "PYTHONUNBUFFERED": "1", **changes}


@cache
def _migrated() -> TemporaryDirectory[str]:
    """Kept as long as this process: migrating takes longer than what most tests are about."""
    folder = TemporaryDirectory(prefix="migrated-")
    done = manage("migrate", "--verbosity=0", env=environment(Path(folder.name)))
    assert done.returncode == 0, done.stderr
    return folder


def migrated(var: Path) -> Path:
    """The same directory, with a database that has its tables and nothing in them."""
    shutil.copy(Path(_migrated().name, DATABASE), var)
    return var


def manage(*arguments: str, env: Mapping[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout)


def forked(*arguments: str, env: Mapping[str, str], stdin: bytes = b"", timeout: float = 60) -> int:
    """As `manage`, in a process forked off this one: it dies as any other, and need not load everything first. Its exit
    status, negative for a signal. For tests with transactions of their own.
    """
    connections.close_all()  # a line to a database is nothing two processes can share
    given = TemporaryFile()  # noqa: SIM115 - closed below, in both of the processes
    given.write(stdin)
    given.seek(0)
    child = os.fork()
    if child == 0:
        _become(["manage.py", *arguments], env, given.fileno())
    given.close()
    late = threading.Timer(timeout, os.kill, (child, signal.SIGKILL))
    late.start()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    late.cancel()
    return status


def _become(command: list[str], env: Mapping[str, str], stdin: int) -> NoReturn:
    """Never returns into the test, of which this is a copy."""
    code = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_WRONLY)
        for here, there in ((stdin, 0), (nothing, 1), (nothing, 2)):
            os.dup2(here, there)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(env)
        failpoints._reached.clear()
        execute_from_command_line(command)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


@dataclass
class Running:
    """A started command and what it has printed so far."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def descendants(self) -> set[int]:
        """Process ids of everything it started, directly or not."""
        parents = dict(_parents())
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    def child(self, words: str) -> int | None:
        """The one directly started program whose command line has these words."""
        parents = dict(_parents())
        mine = (pid for pid, parent in parents.items() if parent == self.process.pid)
        return next((pid for pid in mine if words in command_line(pid)), None)


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Ended for good with everything it started, whatever the test did."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    started = Running(process, log)
    try:
        yield started
    finally:
        leftovers = started.descendants()
        process.kill()
        process.wait()
        for pid in leftovers:
            _kill(pid)


def exists(pid: int) -> bool:
    """A zombie does not count: it only waits for its parent to look."""
    try:
        return _state(pid) != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                yield int(entry.name), int(_fields(int(entry.name))[1])
            except OSError:
                continue


def _state(pid: int) -> str:
    return _fields(pid)[0]


def _fields(pid: int) -> list[str]:
    """State, parent and so on: what follows the program's name, which may contain anything."""
    return re.sub(r"^.*\)", "", Path(f"/proc/{pid}/stat").read_text(), flags=re.DOTALL).split()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
