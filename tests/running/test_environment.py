"""Every variable has its line in .env.example and in the README; a wrong value stops the start with a sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from mailchannel.kernel.failpoints import VARIABLE
from mailchannel.models import InboundMail
from tests.fixtures import NewServer
from tests.running.processes import ROOT, environment, manage

pytestmark = pytest.mark.slow

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


def test_every_limit_of_a_mail_is_named_where_people_look() -> None:
    names = set(settings.MAIL_LIMITS)
    rows = set(re.findall(r"^\| `([a-z_]+)` \| [0-9]+", (ROOT / "docs/operations.md").read_text(), flags=re.MULTILINE))
    example = (ROOT / ".env.example").read_text().partition("MAIL_LIMITS=\n")[0].rpartition("\n\n")[2]

    assert names <= rows
    assert all(re.search(rf"\b{name}\b", example) for name in names)


def test_a_documented_default_is_the_default() -> None:
    documented = re.findall(r"^\| `([a-z_]+)` \| ([0-9]+)", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)

    assert {name: int(value) for name, value in documented if name in settings.MAIL_LIMITS} == settings.MAIL_LIMITS


@pytest.mark.parametrize(
    ("mail_limits", "outcome"), [("", "opened"), ("parts=3", "failed"), (" depth = 1 ,parts=50", "failed")]
)
@pytest.mark.req("ML-19", "ML-20")
@pytest.mark.django_db(transaction=True)
def test_a_mail_beyond_a_limit_is_set_aside_whole(
    mail_limits: str, outcome: str, new_server: NewServer, command_environment: dict[str, str], tmp_path: Path
) -> None:
    new_server()
    mail = tmp_path / "mail.eml"
    mail.write_bytes(
        b"From: ann@client.example\nTo: support@example.com\nContent-Type: multipart/mixed; boundary=a\n\n"
        b"--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHelp!\n--b\n\nPlease!\n--b--\n--a--\n"
    )

    done = manage(
        "receive_mail", "--server", "Support", str(mail), env={**command_environment, "MAIL_LIMITS": mail_limits}
    )

    assert done.returncode == 0, done.stderr
    row = InboundMail.objects.select_related("raw").get()
    assert (row.outcome, row.reason == "failed.too_complex") == (outcome, outcome == "failed")
    assert row.raw.content == mail.read_bytes()


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
        (
            "MAIL_LIMITS",
            "parts=10,width=3",
            "MAIL_LIMITS knows no limit called 'width'; it knows seconds, child_memory",
        ),
        ("MAIL_LIMITS", "parts", "MAIL_LIMITS: parts must be a whole number from 1 to 1000000000000, not ''."),
        ("MAIL_LIMITS", "parts=many", "MAIL_LIMITS: parts must be a whole number from 1 to 1000000000000, not 'many'."),
        ("MAIL_LIMITS", "seconds=0", "MAIL_LIMITS: seconds must be a whole number from 1"),
        ("MAIL_LIMITS", "depth=201", "MAIL_LIMITS: depth must be a whole number from 1 to 200, not '201'."),
        ("KEEP_RAW_MAIL_DAYS", "-1", "KEEP_RAW_MAIL_DAYS must be a whole number from 0 to 36500, not '-1'."),
        ("KEEP_RAW_MAIL_DAYS", "9" * 5000, "KEEP_RAW_MAIL_DAYS must be a whole number from 0 to 36500"),
        ("INBOUND_DOMAIN", "https://x", "INBOUND_DOMAIN must look like inbound.example.com, not 'https://x'."),
        ("INBOUND_DOMAIN", "mail@example.com", "INBOUND_DOMAIN must look like inbound.example.com"),
        ("INBOUND_DOMAIN", "example.com:25", "INBOUND_DOMAIN must look like inbound.example.com"),
        ("INBOUND_DOMAIN", "in_bound..example", "INBOUND_DOMAIN must look like inbound.example.com"),
        ("HELPDESK_SMTP_LISTEN", "2525", "HELPDESK_SMTP_LISTEN must look like 127.0.0.1:2525"),
        ("HELPDESK_LMTP_LISTEN", "unix:mail.sock", "HELPDESK_LMTP_LISTEN must look like 127.0.0.1:2525"),
        ("HELPDESK_SMTP_CERTIFICATE", "/no/such.pem", "HELPDESK_SMTP_CERTIFICATE: there is no file /no/such.pem."),
        ("HELPDESK_SMTP_KEY", __file__, "HELPDESK_SMTP_CERTIFICATE is not: nothing would be encrypted."),
        ("HELPDESK_SMTP_CONNECTIONS", "0", "HELPDESK_SMTP_CONNECTIONS must be a whole number of at least 1"),
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
