"""The recipes of docs/extending.md, each written as its one file into a copy of the project and used there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.letters import letter
from tests.running.processes import ROOT

pytestmark = pytest.mark.slow
PATIENCE = 60  # seconds

SETTINGS_FILE = """
ticket_types:
  - {name: Incident, module: ticket}
templates:
  - {name: Standard incident, ticket_type: Incident, status: published, fields: []}
mail_servers:
  - name: Drop
    status: active
    protocol: drop_folder
    auth: password
    address: support@example.com
    connection: {root: ROOT, sync_start: 2020-01-01T00:00:00Z}
    folders: {source: [inbox], success: done, fail: failed, exclusion: ignored}
    accept: {fewest_words: 3}
    ticket:
      template: Standard incident
      mapping:
        - {field: title, property: first_cc, default: nobody in copy}
        - {field: description, property: body}
        - {field: requester, property: sender}
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the three recipes written in."""
    copy = tmp_path_factory.mktemp("extended") / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache"))
    recipes = re.findall(r"```python\n# (mailchannel/\S+)\n(.+?)```", (ROOT / "docs/extending.md").read_text(), re.S)
    assert len(recipes) == 3
    for path, source in recipes:
        (copy / path).write_text(source)
    return copy


def manage(project: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return run(project, *command, check=check)


def run(project: Path, *command: str | Path, check: bool = False) -> subprocess.CompletedProcess[str]:
    """With bytecode kept, as the next command reads the same modules."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{project}/extended.sqlite3",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=check, timeout=PATIENCE
    )


def test_the_three_recipes_work_without_touching_another_file(extended: Path, tmp_path: Path) -> None:
    manage(extended, "migrate", "-v0")
    for folder in ("inbox", "done"):
        (tmp_path / folder).mkdir()
    (tmp_path / "inbox/1.eml").write_bytes(letter(body="Just two"))
    (tmp_path / "inbox/2.eml").write_bytes(letter(body="These are four words", Cc="bob@customer.example"))
    settings_file = tmp_path / "settings.yaml"
    settings_file.write_text(SETTINGS_FILE.replace("ROOT", str(tmp_path)))

    applied = manage(extended, "channel_config", "apply", str(settings_file), check=False)
    assert applied.returncode == 0, applied.stderr
    report = json.loads(manage(extended, "fetch_mail", "--json").stdout)
    log = [json.loads(line) for line in manage(extended, "mail_log", "--json").stdout.splitlines()]

    assert (report["opened"], report["ignored"], report["error"]) == (1, 1, "")
    assert [row["reason"] for row in log] == ["ignored.too_short", "accepted.new"]
    assert sorted(p.parent.name for p in tmp_path.rglob("*.eml")) == ["done", "ignored"]
    explained = manage(extended, "explain_mail", "--server", "Drop", "--json", str(tmp_path / "done/2.eml")).stdout
    assert json.loads(explained)["draft"]["fields"]["title"] == "bob@customer.example"


def test_no_contract_is_broken_and_no_migration_is_wanted(extended: Path) -> None:
    contracts = run(extended, Path(sys.executable).parent / "lint-imports")

    assert "0 broken" in contracts.stdout
    manage(extended, "makemigrations", "--check", "--dry-run")


def test_a_transport_without_a_harness_fails_the_contract_suite(extended: Path) -> None:
    suite = run(
        extended,
        sys.executable,
        "-m",
        "pytest",
        "tests/contract/test_transports.py",
        "-k",
        "harness",
        "-p",
        "no:cacheprovider",
    )

    assert suite.returncode == 1
    assert "drop_folder" in suite.stdout
