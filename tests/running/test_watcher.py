"""The watcher among the other programs of `up`: killed, it comes back, and mail is a ticket as quickly as before."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.running.processes import environment, exists, manage, migrated
from tests.running.test_up import demo, judged
from tests.servers.loopback import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


def test_a_killed_watcher_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    with demo(migrated(tmp_path)) as started:
        wait_until(lambda: started.child("watch_mail"), seconds=30)
        watcher = started.child("watch_mail")
        assert watcher
        send(tmp_path)

        os.kill(watcher, signal.SIGKILL)

        send(tmp_path)
        wait_until(lambda: started.child("watch_mail") not in (None, watcher), seconds=30)
        assert "watcher ended with -9" in started.printed
        wait_until(lambda: judged(tmp_path) == 2, seconds=120)


def test_it_ends_with_the_others(tmp_path: Path) -> None:
    with demo(migrated(tmp_path)) as started:
        wait_until(lambda: started.child("watch_mail"), seconds=30)
        watcher = started.child("watch_mail")
        assert watcher

        started.process.terminate()

        assert started.process.wait(timeout=40) == 0
        assert not exists(watcher)


def send(var: Path) -> None:
    sent = manage("send_sample_mail", env=environment(var))
    assert sent.returncode == 0, sent.stderr
