"""Settings as code: what is exported applies to the same state, and secrets never leave."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailchannel.models import MailServer
from mailchannel.services.config_file import ConfigError, apply, apply_and_report, export, plan, read
from tests.story.settings_file import EXAMPLE, PASSWORD, changed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", PASSWORD)


def applied(text: str) -> None:
    apply(read(text, folder=Path()))


def test_an_export_applied_changes_nothing() -> None:
    applied(EXAMPLE)
    exported = export()

    changes = apply_and_report(read(exported, folder=Path()))

    assert changes == []
    assert export() == exported


def test_an_export_rebuilds_an_empty_installation_once_the_password_is_given() -> None:
    applied(EXAMPLE)
    exported = export()
    MailServer.objects.all().delete()

    with_password = exported.replace("    protocol:", "    secrets: {password: {env: SUPPORT_PASSWORD}}\n    protocol:")
    applied(with_password)

    assert export() == exported


def test_a_failed_server_is_exported_as_the_active_one_it_should_be() -> None:
    applied(EXAMPLE)
    exported = export()

    MailServer.objects.update(status=MailServer.Status.FAILED)

    assert export() == exported
    assert plan(read(exported, folder=Path())) == []


@pytest.mark.req("S1-14")
def test_an_export_holds_no_secret_and_says_how_to_give_one() -> None:
    applied(changed("{env: SUPPORT_PASSWORD}}", "{env: SUPPORT_PASSWORD}, sending_password: {value: sending-secret}}"))

    exported = export()

    assert PASSWORD not in exported
    assert "sending-secret" not in exported
    assert "secrets: {password: {env: NAME}}" in exported


def test_exporting_needs_no_encryption_key(settings: Any) -> None:
    applied(EXAMPLE)
    exported = export()

    settings.FIELD_ENCRYPTION_KEYS = []

    assert export() == exported


@pytest.mark.req("S1-14")
def test_a_plan_names_secrets_and_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    fresh = plan(read(EXAMPLE, folder=Path()))
    applied(EXAMPLE)
    same = plan(read(EXAMPLE, folder=Path()))
    other = plan(read(changed("{env: SUPPORT_PASSWORD}", "{value: another-secret}"), folder=Path()))

    assert "mail_servers.Support.secrets.password: set" in fresh
    assert same == []
    assert other == ["mail_servers.Support.secrets.password: changed"]
    assert PASSWORD not in "".join(fresh)


@pytest.mark.req("S1-14")
def test_a_secret_is_in_no_repr() -> None:
    text = changed("{env: SUPPORT_PASSWORD}", f"{{value: {PASSWORD}}}")

    assert PASSWORD not in repr(read(text, folder=Path()))


@pytest.mark.parametrize("broken", ["*{}", "!{} x", '"{}', "'{}", "{}: [", "&{}", "%{}", "@{}", "[{}]", "{{{}: 1}}"])
@pytest.mark.req("S1-14")
def test_a_secret_written_wrongly_is_not_repeated_in_the_error(broken: str) -> None:
    text = EXAMPLE.replace("{env: SUPPORT_PASSWORD}", "{value: " + broken.format(PASSWORD) + "}")

    with pytest.raises(ConfigError) as caught:
        read(text, folder=Path())

    assert PASSWORD not in str(caught.value)


def test_secrets_come_from_the_environment_a_file_or_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")

    for source, expected in (
        ("{env: SUPPORT_PASSWORD}", PASSWORD),
        ("{file: secret}", "from a file"),
        ('{value: " blanks count "}', " blanks count "),
    ):
        apply(read(changed("{env: SUPPORT_PASSWORD}", source), folder=tmp_path))
        assert MailServer.objects.get().secrets == {"password": expected}


def test_the_sending_password_is_stored_beside_the_other() -> None:
    applied(changed("{env: SUPPORT_PASSWORD}}", "{env: SUPPORT_PASSWORD}, sending_password: {value: other}}"))

    assert MailServer.objects.get().secrets == {"password": PASSWORD, "sending.password": "other"}


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{env: NO_SUCH_VARIABLE}", "the environment variable NO_SUCH_VARIABLE is not set. Set it where this command"),
        ("{env: EMPTY_VARIABLE}", "the environment variable EMPTY_VARIABLE is not set."),
        ("{env: ''}", "expected text, but it is empty."),
        ("{file: no-such-file}", "no-such-file cannot be read: No such file or directory."),
        ("{file: empty}", "empty is empty."),
        ("{file: binary}", "binary is not UTF-8 text."),
        ("{value: ''}", "expected the secret as text in quotes."),
        ("{value: 12345}", "expected the secret as text in quotes."),
        ("{vault: x}", "expected exactly one of {env: NAME}, {file: PATH} or {value: “…”}."),
        ("{env: A, value: b}", "expected exactly one of {env: NAME}, {file: PATH} or {value: “…”}."),
        ("plain", "expected exactly one of {env: NAME}, {file: PATH} or {value: “…”}."),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_error(
    source: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY_VARIABLE", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError) as caught:
        read(changed("{env: SUPPORT_PASSWORD}", source), folder=tmp_path)

    assert "line 21, mail_servers[0].secrets.password" in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("moved", ["host: 127.0.0.2, port: 10143", "host: 127.0.0.1, port: 993"])
def test_a_stored_password_is_not_sent_to_another_server(moved: str) -> None:
    applied(EXAMPLE)
    elsewhere = changed("host: 127.0.0.1, port: 10143", moved)
    without_password = elsewhere.replace("    secrets: {password: {env: SUPPORT_PASSWORD}}", "   ")

    with pytest.raises(ConfigError, match="a stored password is never sent somewhere else. Give it again"):
        applied(without_password)
    applied(elsewhere)

    assert MailServer.objects.get().connection["host"] in moved


def test_a_stored_sending_password_is_not_sent_to_another_server() -> None:
    applied(changed("{env: SUPPORT_PASSWORD}}", "{env: SUPPORT_PASSWORD}, sending_password: {value: other}}"))

    with pytest.raises(ConfigError, match=r"mail_servers\[0\]\.sending: server, port"):
        applied(changed("port: 10025", "port: 587"))


def test_a_secret_stored_with_a_lost_key_is_a_sentence(tmp_path: Path, settings: Any) -> None:
    applied(EXAMPLE)
    (tmp_path / "f.yaml").write_text(EXAMPLE)
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]

    with pytest.raises(Exception, match="FIELD_ENCRYPTION_KEYS lacks the key it was written with"):
        call_command("channel_config", "plan", str(tmp_path / "f.yaml"), stdout=StringIO())


words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20).filter(str.strip)
keys = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
domains = st.from_regex(r"[a-z][a-z0-9]{0,8}\.(example|test)", fullmatch=True)
addresses = st.builds("{}@{}".format, keys, domains)
times = st.tuples(st.integers(0, 11), st.integers(12, 23)).map(lambda hours: "{:02}:00-{:02}:30".format(*hours))


def options(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


def lists(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, max_size=3)


connections = options(
    host=domains,
    port=st.integers(1, 65535),
    encryption=st.sampled_from(["none", "starttls", "tls"]),
    username=words,
    timeout_ms=st.integers(1000, 120_000),
    max_tries=st.integers(1, 20),
    cool_off_minutes=st.integers(0, 32_767),
    fetch_every_minutes=st.integers(1, 1440),
    skip_times=lists(times),
    sync_start=st.none() | st.datetimes().filter(lambda moment: 1971 < moment.year < 9990),
)
acceptances = options(
    allowed_domains=lists(domains),
    blocked_senders=lists(addresses),
    unknown_senders=st.sampled_from(["accept", "refuse"]),
    new_tickets=options(enabled=st.booleans(), exceptions=lists(addresses)),
    only_if_in_to=st.booleans(),
    allow_duplicates=st.none() | st.booleans(),
    exclude_auto_replies=st.booleans(),
    auto_reply_words=lists(words),
    subject_must_match=lists(words),
)
rules = st.lists(
    st.fixed_dictionaries(
        {"field": st.sampled_from(["title", "description"])},
        optional={"property": st.sampled_from(["", "subject", "body", "to"]), "default": words},
    ),
    max_size=2,
    unique_by=lambda rule: str(rule["field"]),
)
servers = st.fixed_dictionaries(
    {"name": words},
    optional={
        "status": st.just("draft"),
        "address": addresses,
        "aliases": lists(addresses),
        "reply_to": addresses,
        "connection": connections,
        "sending": options(host=domains, port=st.none() | st.integers(1, 65535), username=words),
        "folders": options(source=st.builds(lambda: ["INBOX"]), success=words, fail=words, never_read=lists(words)),
        "accept": acceptances,
        "ticket": options(attach_email=st.booleans(), mapping=rules),
    },
)
fields = st.lists(
    st.fixed_dictionaries(
        {"key": keys.map("own_{}".format), "label": words},
        optional={"kind": st.sampled_from(["text", "number", "date"]), "required": st.booleans()},
    ),
    max_size=3,
    unique_by=lambda field: str(field["key"]),
)
types = st.fixed_dictionaries(
    {"name": st.just("Incident")}, optional={"module": st.sampled_from(["ticket", "request"])}
)
templates = st.fixed_dictionaries({"name": words, "ticket_type": st.just("Incident"), "fields": fields})


def by_name(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, max_size=2, unique_by=lambda entry: str(entry["name"]).strip())


files = st.fixed_dictionaries(
    {"ticket_types": types.map(lambda one: [one]), "templates": by_name(templates), "mail_servers": by_name(servers)}
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(files)
def test_whatever_was_applied_exports_to_a_file_that_changes_nothing(wanted: dict[str, Any]) -> None:
    with transaction.atomic():
        applied(yaml.safe_dump(wanted, allow_unicode=True))
        exported = export()

        again = apply_and_report(read(exported, folder=Path()))

        assert again == []
        assert export() == exported
        transaction.set_rollback(True)
