"""Every variable has its line in .env.example and in the README; a wrong value stops the start with a sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mailchannel.kernel.failpoints import VARIABLE
from tests.running.processes import ROOT, environment, manage

READ_ELSEWHERE = {"PORT", VARIABLE}


def variables_of_the_settings() -> set[str]:
    tree = ast.parse((ROOT / "helpdesk/settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    reads = [call for call in calls if isinstance(call.func.value, ast.Name) and call.func.value.id == "env"]
    return {str(ast.literal_eval(call.args[0])) for call in reads}


def test_every_variable_has_its_line_in_the_example() -> None:
    lines = re.findall(r"^([A-Z_0-9]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)

    assert sorted(lines) == sorted(variables_of_the_settings() | READ_ELSEWHERE)


def test_every_variable_has_its_row_in_the_readme() -> None:
    rows = set(re.findall(r"^\| `([A-Z_0-9]+)`", (ROOT / "README.md").read_text(), flags=re.MULTILINE))

    assert rows == variables_of_the_settings() | READ_ELSEWHERE


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is not set."),
        ("FIELD_ENCRYPTION_KEYS", "", "FIELD_ENCRYPTION_KEYS is not set"),
        ("FIELD_ENCRYPTION_KEYS", "short", "key 1 is not a Fernet key"),
        ("DEBUG", "perhaps", "DEBUG must be true or false, not 'perhaps'."),
        ("PUBLIC_URL", "helpdesk", "PUBLIC_URL must look like https://"),
        ("DATABASE_URL", "mongo://host/name", "DATABASE_URL must look like postgres://"),
        ("REDIS_URL", "localhost", "REDIS_URL must look like redis://"),
        ("EMAIL_URL", "carrier://pigeon", "EMAIL_URL must look like smtp"),
        ("HELPDESK_ALLOW_PRIVATE_HOSTS", "maybe", "HELPDESK_ALLOW_PRIVATE_HOSTS must be true or false"),
        ("WORKERS", "0", "WORKERS must be a whole number of at least 1, not '0'."),
        ("TIME_ZONE", "Mars/Olympus", "TIME_ZONE must be a time zone"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of DEBUG,"),
        ("VAR_DIR", "/proc/nowhere", "VAR_DIR: /proc/nowhere cannot be used"),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(
    variable: str, value: str, sentence: str, tmp_path: Path
) -> None:
    done = manage("check", env=environment(tmp_path, **{variable: value}))

    assert done.returncode == 1
    assert done.stderr.startswith("Not started: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL", "EMAIL_URL"])
def test_a_password_in_a_wrong_value_is_not_repeated(variable: str, tmp_path: Path) -> None:
    done = manage("check", env=environment(tmp_path, **{variable: "wrong://user:hunter2@host/name"}))

    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr


def test_the_example_as_it_stands_needs_only_the_two_keys(tmp_path: Path) -> None:
    lines = re.findall(r"^([A-Z_0-9]+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    example = {**dict(lines), "VAR_DIR": str(tmp_path)}

    without_keys = manage("check", env={**environment(tmp_path), **example})
    keys = {name: environment(tmp_path)[name] for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}
    with_keys = manage("check", env={**environment(tmp_path), **example, **keys})

    assert without_keys.stderr.startswith("Not started: SECRET_KEY is not set.")
    assert with_keys.returncode == 0, with_keys.stderr
