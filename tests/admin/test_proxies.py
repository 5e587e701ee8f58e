"""Proxies in the admin: who may change them, what is kept of them, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from mailchannel.admin.probe import PER_MINUTE
from mailchannel.models import Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts, proxies
from tests.fixtures import NewServer
from tests.servers.loopback import HOST
from tests.servers.proxy import ProxyServer
from tests.servers.smtp import SmtpSink

BASE = "/admin/mailchannel/proxy"
TYPED: dict[str, Any] = {
    "name": "Edge",
    "kind": "http",
    "host": "proxy.corp.example",
    "port": "3128",
    "username": "ada",
    "password": "pass wört",
}

pytestmark = [pytest.mark.django_db, pytest.mark.req("S4-25"), pytest.mark.slow]


@pytest.fixture
def edge(db: None) -> Proxy:
    row = {name: value for name, value in TYPED.items() if name != "password"}
    Proxy.objects.create(**row, secrets=Secrets(password="pass wört"))
    return Proxy.objects.get()


def page(client: Client, url: str, **typed: Any) -> str:
    answer = client.post(url, typed, follow=True) if typed else client.get(url, follow=True)
    return unescape(answer.content.decode())


def change(client: Client, proxy: Proxy, **changed: Any) -> str:
    """Nothing is typed into the password's field unless a test does."""
    return page(client, f"{BASE}/{proxy.pk}/change/", **{**TYPED, "password": "", **changed})


def history() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.filter(content_type__model="proxy").order_by("pk")]


def test_a_proxy_is_made_and_its_password_kept_encrypted(administrator: Client) -> None:
    page(administrator, f"{BASE}/add/", **TYPED)

    proxy = Proxy.objects.get()
    assert (proxy.name, proxy.kind, proxy.host, proxy.port) == ("Edge", "http", "proxy.corp.example", 3128)
    assert proxy.secrets == {"password": "pass wört"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM mailchannel_proxy")
        assert "pass" not in cursor.fetchone()[0]
    assert history() == ["Added: HTTP (CONNECT) at proxy.corp.example, port 3128, signing in as ada."]


def test_the_password_is_never_shown_and_kept_when_left_empty(administrator: Client, edge: Proxy) -> None:
    html = page(administrator, f"{BASE}/{edge.pk}/change/")
    after = change(administrator, edge, name="Edge two")

    assert "pass wört" not in html + after
    assert "leave empty to keep" in html
    edge.refresh_from_db()
    assert (edge.name, edge.secrets["password"]) == ("Edge two", "pass wört")
    assert history() == ["name: Edge → Edge two"]


@pytest.mark.parametrize(
    "changed", [{"host": "elsewhere.example"}, {"port": "8080"}, {"username": "eve"}, {"kind": "socks5"}]
)
@pytest.mark.req("SE-02")
def test_a_stored_password_never_goes_to_another_proxy(
    administrator: Client, edge: Proxy, changed: dict[str, str]
) -> None:
    html = change(administrator, edge, **changed)

    assert "Type it again" in html
    edge.refresh_from_db()
    assert (edge.host, edge.port, edge.username, edge.kind) == ("proxy.corp.example", 3128, "ada", "http")

    change(administrator, edge, **changed, password="new one")

    edge.refresh_from_db()
    assert edge.secrets == {"password": "new one"}
    (line,) = history()
    assert " → " in line
    assert "password: changed" in line
    assert "new one" not in line


@pytest.mark.req("SE-02")
def test_nor_does_one_that_was_stored_while_somebody_typed(edge: Proxy) -> None:
    as_it_was = Proxy.objects.get()
    edge.host = "elsewhere.example"
    proxies.save(edge, "for elsewhere", by=None)

    with pytest.raises(ValidationError, match="never sent somewhere else"):
        proxies.save(as_it_was, None, by=None)

    edge.refresh_from_db()
    assert (edge.host, edge.secrets) == ("elsewhere.example", {"password": "for elsewhere"})


def test_without_a_user_name_no_password_stays_behind(administrator: Client, edge: Proxy) -> None:
    change(administrator, edge, username="")

    edge.refresh_from_db()
    assert edge.secrets == {}
    assert history() == ["user name: ada → nothing;\npassword: changed"]


def test_saving_what_is_there_already_is_no_change(administrator: Client, edge: Proxy) -> None:
    change(administrator, edge)
    change(administrator, edge, password="pass wört")

    assert history() == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"host": "http://proxy.example"}, "is not a server name"),
        ({"host": "proxy.example:3128"}, "is not a server name"),
        ({"port": "0"}, "greater than or equal to 1"),
        ({"port": "70000"}, "less than or equal to 65535"),
        ({"username": ""}, "A password goes with a user name"),
        ({"username": "corp:ada"}, "cannot take a user name with a colon"),
        ({"kind": "socks5", "username": "ü" * 128}, "room for 255 bytes"),
        ({"kind": "socks5", "password": "ü" * 128}, "room for 255 bytes"),
        ({"password": "a\tb"}, "invisible characters"),
    ],
)
def test_what_no_proxy_could_take_is_refused_in_words(
    administrator: Client, changed: dict[str, str], said: str
) -> None:
    assert said in page(administrator, f"{BASE}/add/", **{**TYPED, **changed})
    assert not Proxy.objects.exists()


@pytest.mark.parametrize("host", ["squid", "10.0.0.5", "Proxy.Corp.Example.", "fd00::5"])
def test_a_proxy_may_stand_inside(administrator: Client, host: str) -> None:
    page(administrator, f"{BASE}/add/", **{**TYPED, "host": host})

    assert Proxy.objects.get().host == host.lower().rstrip(".")


def test_two_proxies_have_two_names(administrator: Client, edge: Proxy) -> None:
    assert "Another proxy has this name already" in page(administrator, f"{BASE}/add/", **TYPED)


@pytest.mark.parametrize("in_draft", [False, True], ids=["in force", "in a draft"])
def test_one_that_is_used_is_not_deleted(
    administrator: Client, edge: Proxy, new_server: NewServer, in_draft: bool
) -> None:
    server = new_server(name="Support")
    (drafts.begin(server) if in_draft else server).update(proxy_id=edge.pk)

    html = page(administrator, f"{BASE}/{edge.pk}/delete/", post="yes")

    assert "“Edge” is used by “Support”. Choose another way for them first" in html
    assert Proxy.objects.filter(pk=edge.pk).exists()
    assert "Support" in page(administrator, f"{BASE}/")


def test_one_that_is_not_is(administrator: Client, edge: Proxy) -> None:
    page(administrator, f"{BASE}/{edge.pk}/delete/", post="yes")

    assert not Proxy.objects.exists()
    assert LogEntry.objects.filter(content_type__model="proxy", action_flag=3).count() == 1


def test_only_people_with_the_permission_change_proxies(signed_in: Callable[..., Client], edge: Proxy) -> None:
    client = signed_in("view_proxy", "view_mailserver", "change_mailserver", "add_mailserver")

    shown = page(client, f"{BASE}/{edge.pk}/change/")
    assert "proxy.corp.example" in shown
    assert 'name="host"' not in shown
    assert "pass wört" not in shown
    for url in (f"{BASE}/add/", f"{BASE}/{edge.pk}/change/", f"{BASE}/{edge.pk}/delete/"):
        assert client.post(url, {**TYPED, "host": "evil.example", "post": "yes"}).status_code == 403
    edge.refresh_from_db()
    assert edge.host == "proxy.corp.example"


def test_who_runs_mail_servers_does_not_see_proxies_by_that(signed_in: Callable[..., Client], edge: Proxy) -> None:
    client = signed_in("view_mailserver", "change_mailserver")

    assert client.get(f"{BASE}/{edge.pk}/change/").status_code == 403


def test_a_password_no_key_opens_can_be_typed_again(administrator: Client, edge: Proxy, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert "FIELD_ENCRYPTION_KEYS" in page(administrator, f"{BASE}/{edge.pk}/change/")
    change(administrator, edge, name="Other")
    edge.refresh_from_db()
    assert edge.name == "Other"
    change(administrator, edge, name="Other", password="once more")
    edge.refresh_from_db()
    assert edge.secrets == {"password": "once more"}


# --- Test --------------------------------------------------------------------------------------


def test_the_way_through_can_be_tried(administrator: Client, new_server: NewServer, smtp_sink: SmtpSink) -> None:
    server = new_server(name="Support", connection={"host": "localhost", "port": smtp_sink.port, "encryption": "none"})
    with ProxyServer("socks5", username="ada", password="pass wört", names={"localhost": HOST}) as running:
        proxy = Proxy.objects.create(
            name="Edge",
            kind="socks5",
            host=HOST,
            port=running.port,
            username="ada",
            secrets=Secrets(password="pass wört"),
        )
        assert "Does it let us through?" in page(administrator, f"{BASE}/{proxy.pk}/change/")
        html = page(administrator, f"{BASE}/{proxy.pk}/try/", server=str(server.pk))

    assert f"“Edge” let us through to localhost, port {smtp_sink.port}" in html
    assert running.asked == [("localhost", smtp_sink.port)]
    assert "Tested the way to Support." in history()
    assert "cannot be reached" in page(administrator, f"{BASE}/{proxy.pk}/try/", server=str(server.pk))


def test_there_is_a_limit_to_trying(administrator: Client, new_server: NewServer) -> None:
    server = new_server(connection={"host": "localhost", "port": 1, "encryption": "none"})
    proxy = Proxy.objects.create(name="Edge", host=HOST, port=1)

    said = [page(administrator, f"{BASE}/{proxy.pk}/try/", server=str(server.pk)) for _ in range(PER_MINUTE + 1)]

    assert "cannot be reached" in said[-2]
    assert "That was a lot of tests" in said[-1]


@pytest.mark.parametrize("server", ["", "0", "x", "9" * 30])
def test_a_mail_server_that_is_not_there_is_not_tried(administrator: Client, edge: Proxy, server: str) -> None:
    assert "Choose the mail server" in page(administrator, f"{BASE}/{edge.pk}/try/", server=server)


def test_only_who_may_change_a_proxy_may_try_it(signed_in: Callable[..., Client], edge: Proxy) -> None:
    client = signed_in("view_proxy", "change_mailserver")

    assert client.post(f"{BASE}/{edge.pk}/try/", {"server": "1"}).status_code == 403


# --- From a settings file ------------------------------------------------------------------------


def test_a_settings_file_makes_and_changes_a_proxy() -> None:
    given = {"name": "Edge", "kind": "socks5", "host": "squid", "port": 1080, "username": "ada"}

    proxy = proxies.configure(given, "secret", by=None)
    again = proxies.configure(given, "secret", by=None)
    proxies.configure({"name": "Edge", "username": None}, None, by=None)

    assert proxy == again == Proxy.objects.get()
    assert proxies.values(proxy) == given
    proxy.refresh_from_db()
    assert (proxy.username, proxy.port, proxy.secrets) == ("", 1080, {})
    assert history() == [
        "Added: SOCKS5 at squid, port 1080, signing in as ada.",
        "user name: ada → nothing;\npassword: changed",
    ]


@pytest.mark.parametrize(
    ("says", "password", "field"),
    [
        ({"host": "elsewhere.example"}, None, "password"),
        ({"username": "a:b"}, "x", "username"),
        ({"name": "Another"}, None, "host"),
        ({"name": "Another", "host": "x.example"}, "x", "username"),
    ],
)
def test_a_settings_file_is_held_to_the_same_rules(
    edge: Proxy, says: dict[str, Any], password: str | None, field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        proxies.configure({"name": "Edge", **says}, password, by=None)

    assert list(refused.value.message_dict) == [field]
    assert proxies.values(Proxy.objects.get()) == proxies.values(edge)
