"""The commands as scripts and mail servers call them: exit codes, one JSON object a line, nothing kept when refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.push import accept
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import ROOT
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def manage(command_environment: dict[str, str]) -> Any:
    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=command_environment, input=stdin, capture_output=True, check=False, timeout=60
        )

    return run


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_piped_mail_is_kept_settled_and_known_when_it_comes_again(new_server: NewServer, manage: Any) -> None:
    new_server()
    raw = letter()

    first = manage("receive_mail", "--server", "Support", "-", stdin=raw)
    again = manage("receive_mail", "--server", "Support", "-", stdin=raw)

    assert (first.returncode, again.returncode) == (0, 0)
    ticket = Ticket.objects.get()
    assert [row["outcome"] for row in lines(first) + lines(again)] == ["opened", "duplicate"]
    assert lines(first)[0]["ticket"] == ticket.number
    assert set(lines(first)[0]) == {"path", "inbound", "outcome", "reason", "ticket", "note"}
    assert InboundMail.objects.order_by("pk")[0].raw.content == raw


@pytest.mark.parametrize("status", [MailServer.Status.DRAFT, MailServer.Status.PAUSED])
def test_a_mail_server_that_is_not_active_leaves_mail_with_the_mta(
    status: str, new_server: NewServer, manage: Any
) -> None:
    new_server(status=status)

    piped = manage("receive_mail", "--server", "Support", "-", stdin=letter())
    fetched = manage("fetch_mail", "--server", "Support", "--json")

    assert (piped.returncode, fetched.returncode) == (75, 1)
    assert "only an active mail server" in lines(fetched)[0]["error"]
    assert not InboundMail.objects.exists()


def test_explaining_changes_nothing_and_says_every_step(new_server: NewServer, manage: Any, tmp_path: Path) -> None:
    new_server()
    path = tmp_path / "mail.eml"
    path.write_bytes(letter(Importance="high"))

    (explained,) = lines(manage("explain_mail", "--server", "Support", "--json", str(path)))

    assert (explained["outcome"], explained["reason"], explained["thread"]) == ("opened", "accepted.new", None)
    assert explained["draft"]["fields"]["priority"] == "high"
    assert {"stage", "code", "verdict", "because"} == set(explained["steps"][0])
    assert not InboundMail.objects.exists() and not Ticket.objects.exists()


def test_the_sweeper_finishes_what_was_only_kept(new_server: NewServer, manage: Any) -> None:
    accept(new_server(), letter(), transport="pipe")

    assert manage("settle_mail").returncode == 0

    assert InboundMail.objects.get().outcome == "opened"


def test_an_unknown_mail_server_is_answered_with_the_known_ones(new_server: NewServer, manage: Any) -> None:
    new_server()

    refused = manage("mail_log", "--server", "Suport")

    assert refused.returncode == 1
    assert b"no mail server named 'Suport'. Known: Support." in refused.stderr
