"""/healthz and `manage.py health` tell monitoring the truth, and nobody a secret."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Task

from mailchannel.models import MailServer
from tests.running.processes import environment, manage, migrated
from tests.servers.loopback import free_port


def worker_was_seen(*, minutes_ago: int) -> None:
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    Task.objects.create(id="a", name="tick", func="tick", started=moment, stopped=moment, success=True)


def server(**columns: object) -> MailServer:
    return MailServer.objects.create(
        name="Board of directors",
        status="active",
        address="secret-project@example.com",
        connection={"host": "imap.internal.example"},
        secrets={"password": "hunter2"},
        last_error="Login refused for secret-project",
        **columns,
    )


def test_all_is_well_while_the_worker_works(client: Client, db: None) -> None:
    worker_was_seen(minutes_ago=1)

    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json()["ok"] is True
    assert answer.json()["problems"] == []
    assert answer.json()["worker"]["seconds_ago"] >= 60


@pytest.mark.parametrize(("minutes_ago", "code"), [(None, "worker.never_seen"), (6, "worker.silent")])
def test_a_silent_worker_is_a_problem(client: Client, db: None, minutes_ago: int | None, code: str) -> None:
    if minutes_ago is not None:
        worker_was_seen(minutes_ago=minutes_ago)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert [problem["code"] for problem in answer.json()["problems"]] == [code]


@pytest.mark.req("S1-36")
def test_a_mail_server_that_cannot_be_read_is_a_problem(client: Client, db: None) -> None:
    worker_was_seen(minutes_ago=0)
    failing = server(failures=3, max_tries=3)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert problem["code"] == "mail_server.failing"
    assert f"/admin/mailchannel/mailserver/{failing.pk}/" in problem["because"]


def test_a_first_failed_connection_is_not_a_problem_yet(client: Client, db: None) -> None:
    worker_was_seen(minutes_ago=0)
    server(failures=1, max_tries=3)

    assert client.get("/healthz").status_code == 200


@pytest.mark.req("S1-14")
def test_it_tells_strangers_nothing_they_could_use(client: Client, db: None) -> None:
    server(failures=9)

    told = client.get("/healthz").content.decode()

    for secret in ("hunter2", "secret-project", "imap.internal.example", "Board", "Login refused"):
        assert secret not in told


def test_it_changes_nothing_and_takes_no_orders(client: Client, db: None) -> None:
    assert client.post("/healthz").status_code == 405


@pytest.mark.slow
def test_the_command_says_the_same_as_the_page(tmp_path: Path) -> None:
    env = environment(migrated(tmp_path))

    done = manage("health", "--json", env=env)

    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["code"] == "worker.never_seen"
    assert "No worker has done anything yet." in manage("health", env=env).stdout


def test_an_unreachable_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    env = environment(tmp_path, DATABASE_URL=f"postgres://user:hunter2@127.0.0.1:{free_port()}/none")

    done = manage("health", "--json", env=env)

    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["code"] == "database.unreachable"
    assert "hunter2" not in done.stdout + done.stderr
