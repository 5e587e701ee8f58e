"""One command starts everything, tells people what they need, and ends everything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.running.processes import DATABASE, Running, environment, exists, manage, migrated, running
from tests.servers.loopback import HOST, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]
STARTED = "Ctrl-C ends everything."


@contextmanager
def up(var: Path, *options: str) -> Iterator[Running]:
    command = [sys.executable, "manage.py", "up", *options]
    with running(command, environment(var), var / "up.log") as started:
        wait_until(lambda: STARTED in started.printed or started.process.poll() is not None, seconds=60)
        assert STARTED in started.printed, started.printed
        yield started


@contextmanager
def demo(var: Path) -> Iterator[Running]:
    ports = ["--port", "--demo-imap-port", "--demo-smtp-port"]
    with up(var, "--demo", *(word for option in ports for word in (option, str(free_port())))) as started:
        yield started


def status(url: str) -> int:
    try:
        with urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except URLError:
        return 0


def judged(var: Path) -> int:
    """How many mails have an outcome, asked more often than a command can be started."""
    with closing(sqlite3.connect(f"file:{var / DATABASE}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT COUNT(*) FROM mailchannel_inboundmail WHERE outcome <> 'received'")
        return int(found.fetchone()[0])


def mail_log(var: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manage("mail_log", "--json", env=environment(var)).stdout.splitlines()]


def test_it_serves_pages_and_ends_with_one_signal(tmp_path: Path) -> None:
    port = free_port()
    with up(tmp_path, "--port", str(port)) as started:
        assert status(f"http://{HOST}:{port}/login/") == 200
        wait_until(lambda: status(f"http://{HOST}:{port}/healthz") == 200, seconds=60)
        programs = started.descendants()

        started.process.terminate()

        assert started.process.wait(timeout=40) == 0
        assert len(programs) > 2
        assert not any(exists(pid) for pid in programs)


def test_a_killed_worker_comes_back(tmp_path: Path) -> None:
    with up(migrated(tmp_path), "--port", str(free_port())) as started:
        worker = started.child("qcluster")
        assert worker

        os.kill(worker, signal.SIGKILL)

        wait_until(lambda: started.child("qcluster") not in (None, worker), seconds=30)


def test_the_first_password_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    options = ["--port", str(free_port())]
    with up(tmp_path, *options) as first:
        shown = re.search(r"admin / (\S+)", first.printed)
        assert shown
        stop(first)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "up.log"]
    kept = [path for path in written if shown[1].encode() in path.read_bytes()]
    with up(tmp_path, *options) as second:
        assert shown[1] not in second.printed
        assert "manage.py changepassword admin" in second.printed

    assert kept == []


def test_mail_to_the_demo_becomes_tickets(tmp_path: Path) -> None:
    with demo(tmp_path):
        sent = manage("send_sample_mail", "--count", "5", env=environment(tmp_path))
        assert sent.returncode == 0, sent.stderr

        wait_until(lambda: judged(tmp_path) == 5, seconds=120)
        log = mail_log(tmp_path)

    assert sorted(mail["outcome"] for mail in log) == ["ignored", "opened", "opened", "opened", "opened"]
    assert all(mail["ticket"] for mail in log if mail["outcome"] == "opened")


def test_the_demo_finds_everything_again_at_its_second_start(tmp_path: Path) -> None:
    with demo(migrated(tmp_path)) as first:
        login = re.search(r"admin / (\S+)", first.printed)
        stop(first)
    with demo(tmp_path) as second:
        assert login
        assert login[0] in second.printed
        fetched = manage("fetch_mail", "--json", env=environment(tmp_path))

    assert fetched.returncode == 0, fetched.stdout
    assert (tmp_path / "demo-login").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]

        done = manage("up", "--port", str(port), env=environment(tmp_path))

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"CommandError: Port {port} on {HOST} is taken by another program. "
        "Use another one: PORT=8123 make run, or --port 8123."
    )


def test_the_demo_asks_for_the_permission_it_needs(tmp_path: Path) -> None:
    env = environment(tmp_path, HELPDESK_ALLOW_PRIVATE_HOSTS="false")
    ports = ["--port", str(free_port()), "--demo-imap-port", str(free_port()), "--demo-smtp-port", str(free_port())]

    done = manage("up", "--demo", *ports, env=env)

    assert done.returncode == 1
    assert "Set HELPDESK_ALLOW_PRIVATE_HOSTS=true in .env" in done.stderr


def test_sample_mail_without_a_demo_says_how_to_start_one(tmp_path: Path) -> None:
    done = manage("send_sample_mail", env=environment(tmp_path))

    assert done.returncode == 1
    assert "The demo mailbox is not running. Start it first, in another terminal: make run" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [("--count", "0", "--count must be 1 or more, not 0."), ("--to", "nobody", "--to 'nobody' is not a mail address.")],
)
def test_sample_mail_refuses_nonsense(option: str, value: str, sentence: str, tmp_path: Path) -> None:
    done = manage("send_sample_mail", option, value, env=environment(tmp_path))

    assert done.returncode == 1
    assert sentence in done.stderr


def stop(started: Running) -> None:
    started.process.terminate()
    try:
        started.process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        pytest.fail(f"did not end: {started.printed}")
