"""Our commands as a person starts them: real processes, with a directory of their own for everything they write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(var: Path, **changes: str) -> dict[str, str]:
    """The tests' environment, without their database; left empty means the default."""
    defaults = dict.fromkeys(("DATABASE_URL", "MEDIA_ROOT", "PUBLIC_URL", "EMAIL_URL", "HELPDESK_FAILPOINT"), "")
    return {**os.environ, **defaults, "VAR_DIR": str(var), "PYTHONUNBUFFERED": "1", **changes}


def manage(*arguments: str, env: Mapping[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout)


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
