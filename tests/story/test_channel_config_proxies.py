"""Settings as code: proxies, and what may not be brought about with a stored password by choosing another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from mailchannel.models import MailServer, Proxy
from mailchannel.services import authorities, drafts, versions
from mailchannel.services.config_file import export, plan, read
from mailchannel.services.rollback import restore
from tests.servers.certificates import Authority
from tests.story.settings_file import EXAMPLE, applied, changed, refused

pytestmark = [pytest.mark.django_db, pytest.mark.req("S4-25")]

PASSWORD = "pass wört"
PROXIES = f"""\
proxies:
  - name: Edge
    kind: socks5
    host: proxy.corp.example
    port: 1080
    username: ada
    secrets: {{password: {{value: "{PASSWORD}"}}}}
"""
SECRET = f'    secrets: {{password: {{value: "{PASSWORD}"}}}}\n'
THROUGH = "mail_servers:\n  - {name: Bare, proxy: Edge}\n"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", "of the mailbox")


def test_a_proxy_is_made_before_the_mail_servers_that_go_through_it() -> None:
    applied(THROUGH + PROXIES)

    proxy = MailServer.objects.get(name="Bare").proxy
    assert proxy is not None
    assert (proxy.kind, proxy.host, proxy.port, proxy.username) == ("socks5", "proxy.corp.example", 1080, "ada")
    assert dict(proxy.secrets) == {"password": PASSWORD}
    assert applied(THROUGH + PROXIES) == []


@pytest.mark.req("S1-14")
def test_its_password_is_neither_planned_nor_exported_nor_written_down() -> None:
    fresh = plan(read(PROXIES, folder=Path()))
    applied(PROXIES)
    other = plan(read(PROXIES.replace(PASSWORD, "another one"), folder=Path()))

    assert "proxies.Edge.secrets.password: set" in fresh
    assert other == ["proxies.Edge.secrets.password: changed"]
    said = "".join(entry.change_message for entry in LogEntry.objects.filter(content_type__model="proxy"))
    for shown in ("".join(fresh), export(), said, repr(read(PROXIES, folder=Path()))):
        assert PASSWORD not in shown
    assert "SOCKS5 at proxy.corp.example, port 1080, signing in as ada" in said


def test_what_is_exported_changes_nothing_and_needs_no_password(settings: Any) -> None:
    applied(PROXIES + THROUGH)
    exported = export()

    assert applied(exported) == []
    assert Proxy.objects.get().secrets == {"password": PASSWORD}
    settings.FIELD_ENCRYPTION_KEYS = []
    assert export() == exported


def test_what_is_not_mentioned_stays() -> None:
    applied(PROXIES)

    assert applied("proxies:\n  - {name: Edge}\n") == []
    assert applied("proxies:\n  - {name: Other, host: other}\n")
    assert set(Proxy.objects.values_list("name", "kind", "port")) == {("Edge", "socks5", 1080), ("Other", "http", 3128)}


@pytest.mark.parametrize(
    ("old", "new"), [("proxy.corp", "proxy.evil"), ("1080", "1081"), ("socks5", "http"), (": ada", ": kim")]
)
def test_a_stored_password_is_not_sent_to_another_proxy(old: str, new: str) -> None:
    applied(PROXIES)

    text = refused(PROXIES.replace(SECRET, "").replace(old, new))

    assert "line 2, proxies[0].secrets.password: Type it again" in text
    applied(PROXIES.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("kind: socks5", "kind: socks4", "line 3, proxies[0].kind: expected one of http, socks5."),
        ("proxy.corp.example", "http://proxy", "line 4, proxies[0].host: "),
        ("1080", "70000", "line 5, proxies[0].port: expected a whole number from 1 to 65535."),
        ("username: ada", "user: ada", "line 6, proxies[0].user: unknown key “user”."),
        ("    username: ada\n", "", "line 2, proxies[0].username: A password goes with a user name."),
        ("password:", "passwort:", "proxies[0].secrets.passwort: unknown key"),
        ("    host: proxy.corp.example\n", "", "line 2, proxies[0].host: A proxy needs a host."),
        ("socks5", "http\n    username: 'a:b'", "“username” appears twice"),
    ],
)
def test_mistakes_are_named_at_their_line(old: str, new: str, sentence: str) -> None:
    assert sentence in refused(PROXIES.replace(old, new))
    assert not Proxy.objects.exists()


def test_a_proxy_nobody_defined_is_named() -> None:
    assert "there is no proxy “Edge”. Define it under “proxies”." in refused(THROUGH)


# --- The way of a stored password -----------------------------------------------------------------

WITH_TLS = changed("encryption: none, username", "encryption: tls, username").replace(
    "port: 10025, encryption: none", "port: 10025, encryption: starttls"
)
KEPT = EXAMPLE[EXAMPLE.index("    secrets:") : EXAMPLE.index("    sending:")]


def on(way: str, *, kept: bool = True, base: str = WITH_TLS) -> str:
    """The example with a proxy and these settings; `kept`: without its password, which is stored."""
    text = base.replace("    auth: password\n", f"    auth: password\n    {way}\n") if way else base
    return PROXIES + (text.replace(KEPT, "") if kept else text)


@pytest.fixture
def ours(authority: Authority) -> str:
    lines = authorities.pem(authority.bundle.read_text()).splitlines()
    return "authorities: |\n" + "\n".join(f"      {line}" for line in lines)


def test_a_stored_password_is_not_kept_when_nobody_is_checked_any_more() -> None:
    applied(on("", kept=False))

    text = refused(on("verify_certificate: false"))

    assert "mail_servers[0].verify_certificate: others than before could read a stored password on this way" in text
    applied(on("verify_certificate: false", kept=False))
    applied(on("verify_certificate: true"))


def test_nor_when_one_more_authority_may_vouch(ours: str) -> None:
    applied(on("", kept=False))

    assert "mail_servers[0].authorities: others than before could read" in refused(on(ours))
    applied(on(ours, kept=False))
    assert applied(on(ours)) == []
    applied(on("authorities: null"))


def test_another_proxy_matters_where_nobody_is_checked_or_nothing_encrypted() -> None:
    applied(on("", kept=False))
    applied(on("proxy: Edge"))
    applied(on("proxy: null\n    verify_certificate: false", kept=False))

    said = "mail_servers[0].proxy: others than before could read"
    assert said in refused(on("proxy: Edge"))
    plain = EXAMPLE.replace("- name: Support", "- name: Plain").replace("username: support", "username: plain")
    applied(on("", kept=False, base=plain))
    assert said in refused(on("proxy: Edge", base=plain))


def test_what_is_no_certificate_is_refused_without_repeating_it() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n      MIIEvSecret\n      -----END PRIVATE KEY-----"

    text = refused(on(f"authorities: |\n      {key}", kept=False))

    assert "mail_servers[0].authorities: This holds a private key." in text
    assert "MIIEvSecret" not in text


def test_an_earlier_version_on_a_worse_way_comes_back_without_a_password() -> None:
    applied(on("verify_certificate: false", kept=False))
    server = MailServer.objects.get(name="Support")
    server.update(published_at=timezone.now())
    version = versions.record(server, by=None)
    server.update(verify_certificate=True)

    assert not restore(version, by=None).secrets

    drafts.discard(server, by=None)
    server.update(verify_certificate=False)
    assert restore(version, by=None).secrets


def test_a_password_does_not_follow_into_a_draft_on_a_worse_way() -> None:
    applied(on("", kept=False))
    draft = drafts.begin(MailServer.objects.get(name="Support"))
    draft.update(verify_certificate=False)

    text = refused(on("", kept=False).replace("{env: SUPPORT_PASSWORD}", '{value: "a newer one"}'))

    assert "Changes of it wait to be published" in text
