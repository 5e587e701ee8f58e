"""Ports on this machine, and waiting until somebody answers there."""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import time
from collections.abc import Callable

HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], object], *, seconds: float = 10.0, what: str = "the condition") -> None:
    """Asks again and again; fails by name when the time is up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about within {seconds} s")
        time.sleep(0.01)


def greets(port: int, greeting: bytes) -> bool:
    """Whether a server on this port begins with these bytes."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as line:
            return line.recv(200).startswith(greeting)
    except OSError:
        return False


def end_with_parent() -> None:
    """Run in a child before it becomes a server: a test run that is killed leaves nothing behind (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
