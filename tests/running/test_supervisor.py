"""What dies comes back, what keeps dying is given up, and one signal ends everything. Toy programs, real processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running.processes import Running, environment, exists, running
from tests.servers.loopback import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

SUPERVISE = """
import os, sys
from helpdesk.supervisor import Program, StopRequest, supervise
toy = Program("toy", [sys.executable, "-c", sys.argv[1]], os.environ)
sys.exit(supervise([toy], StopRequest(), watch=lambda: None, say=print))
"""
SLEEPER = "import time; time.sleep(600)"
WITH_CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(601)'])\n"


@contextmanager
def supervised(toy: str, tmp_path: Path) -> Iterator[Running]:
    with running([sys.executable, "-c", SUPERVISE, toy], environment(tmp_path), tmp_path / "log") as started:
        yield started


def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    with supervised(SLEEPER, tmp_path) as supervisor:
        wait_until(lambda: supervisor.child("sleep"))
        first = supervisor.child("sleep")
        assert first

        os.kill(first, signal.SIGKILL)

        wait_until(lambda: supervisor.child("sleep") not in (None, first))
        assert "toy ended with -9" in supervisor.printed


def test_orphans_of_a_dead_program_do_not_work_beside_its_successor(tmp_path: Path) -> None:
    with supervised(WITH_CHILD + "time.sleep(600)", tmp_path) as supervisor:
        wait_until(lambda: len(supervisor.descendants()) == 2)
        leader = supervisor.child("sleep")
        assert leader
        (orphan,) = supervisor.descendants() - {leader}

        os.kill(leader, signal.SIGKILL)

        wait_until(lambda: not exists(orphan))


def test_a_program_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    with supervised("import sys; sys.exit(7)", tmp_path) as supervisor:
        code = supervisor.process.wait(timeout=90)

    assert code == 1
    assert "toy ended 5 times right after its start; giving up." in supervisor.printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_ends_everything(number: signal.Signals, tmp_path: Path) -> None:
    with supervised(WITH_CHILD + "time.sleep(600)", tmp_path) as supervisor:
        wait_until(lambda: len(supervisor.descendants()) == 2)
        started = supervisor.descendants()

        supervisor.process.send_signal(number)

        assert supervisor.process.wait(timeout=30) == 0
        assert not any(exists(pid) for pid in started)


def test_a_program_may_finish_what_it_is_doing(tmp_path: Path) -> None:
    done = tmp_path / "done"
    careful = (
        f"import signal, sys, time, pathlib\ndef stop(*_):\n  time.sleep(1)\n  pathlib.Path({str(done)!r}).touch()\n"
    )
    careful += "  sys.exit()\nsignal.signal(signal.SIGTERM, stop)\nprint('ready', flush=True)\ntime.sleep(600)"
    with supervised(careful, tmp_path) as supervisor:
        wait_until(lambda: "ready" in supervisor.printed)

        supervisor.process.terminate()

        assert supervisor.process.wait(timeout=30) == 0
        assert done.exists()


def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with supervised(SLEEPER, tmp_path) as supervisor:
        wait_until(lambda: supervisor.child("sleep"))
        toy = supervisor.child("sleep")
        assert toy

        supervisor.process.kill()

        wait_until(lambda: not exists(toy))
