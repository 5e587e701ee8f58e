"""The first step of the wizard: what it offers, fills in, insists on and keeps."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone

from mailchannel.models import MailServer, OutboundMail
from mailchannel.services import alert_settings
from mailchannel.services.queueing import queue_reply
from tests.admin.conftest import BASE
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tickets.api import AgentReply

ADD = f"{BASE}/add/"
NOTHING: dict[str, Any] = {"name": "", "address": "", "aliases": "", "protocol": "imap", "port": "993"}
ENDPOINTS = ("host", "port", "encryption", "sending-host", "sending-port", "sending-encryption")


def page(client: Client, url: str = ADD) -> str:
    return unescape(client.get(url).content.decode())


def use_default(client: Client, typed: dict[str, Any], *, button: str = "defaults") -> str:
    return unescape(client.post(ADD, {**typed, "_refresh": button}).content.decode())


def value(html: str, name: str) -> str:
    """What a field of the page shows."""
    tag = re.search(rf'<(input|select|textarea)[^>]* name="{name}"[^>]*>', html) or re.search(
        rf'<(input|select|textarea) name="{name}"[^>]*>', html
    )
    assert tag, name
    if tag[1] == "input":
        found = re.search(r' value="([^"]*)"', tag[0])
        return found[1] if found else ""
    rest = html[tag.end() :].split(f"</{tag[1]}>")[0]
    chosen = re.search(r'<option value="([^"]*)" selected', rest)
    return chosen[1] if chosen else rest.strip()


def values(html: str) -> tuple[str, ...]:
    return tuple(value(html, name) for name in ENDPOINTS)


def beside(html: str, field: str) -> str:
    return html.split(f'id="id_{field}_error">')[1].split("</p>")[0]


def save(client: Client, typed: dict[str, Any], url: str = ADD, *, button: str = "_save") -> str:
    return unescape(client.post(url, {**typed, button: "1"}).content.decode())


# --- Use default -------------------------------------------------------------------------------


@pytest.mark.req("S2-12", "S2-11", "S2-06", "S3-11", "S4-10", "S0-12")
@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("gmail", ("imap.gmail.com", "993", "tls", "smtp.gmail.com", "587", "starttls")),
        ("yahoo", ("imap.mail.yahoo.com", "993", "tls", "smtp.mail.yahoo.com", "465", "tls")),
        ("microsoft", ("outlook.office365.com", "993", "tls", "smtp.office365.com", "587", "starttls")),
        ("other", ("", "993", "tls", "", "587", "starttls")),
    ],
)
def test_use_default_fills_in_both_ways(administrator: Client, provider: str, expected: tuple[str, ...]) -> None:
    html = use_default(administrator, {**NOTHING, "provider": provider, "encryption": "none", "sending-port": "25"})

    assert values(html) == expected
    assert not MailServer.objects.exists()
    assert "Not saved yet" not in html


@pytest.mark.req("S2-12")
def test_use_default_keeps_what_was_typed_and_offers_to_replace_it(administrator: Client) -> None:
    typed = {**NOTHING, "provider": "gmail", "host": "mail.corp.example", "port": "9993", "encryption": "starttls"}

    kept = use_default(administrator, typed)
    replaced = use_default(administrator, typed, button="replace")

    assert values(kept) == ("mail.corp.example", "9993", "starttls", "smtp.gmail.com", "587", "starttls")
    assert "Left as you typed it" in kept
    assert values(replaced) == ("imap.gmail.com", "993", "tls", "smtp.gmail.com", "587", "starttls")
    assert "Left as you typed it" not in replaced


def test_another_provider_replaces_the_one_before_without_asking(administrator: Client) -> None:
    typed = {**NOTHING, "provider": "fastmail", "host": "imap.gmail.com", "sending-host": "smtp.gmail.com"}

    assert values(use_default(administrator, typed))[::3] == ("imap.fastmail.com", "smtp.fastmail.com")


@pytest.mark.req("S2-12")
def test_use_default_loses_nothing_else_that_was_typed(administrator: Client) -> None:
    typed = {**NOTHING, "provider": "gmail", "name": "Support", "aliases": "a@example.com", "skip_times": "02:00-04:00"}

    html = use_default(administrator, typed)

    assert [value(html, name) for name in ("name", "aliases", "skip_times", "provider")] == [
        *("Support", "a@example.com", "02:00-04:00", "gmail"),
    ]


@pytest.mark.req("S4-03")
def test_microsoft_with_a_password_is_warned_of_on_the_page(administrator: Client) -> None:
    assert "since 2023" in use_default(administrator, {**NOTHING, "provider": "microsoft"})
    assert "since 2023" not in use_default(administrator, {**NOTHING, "provider": "gmail"})
    assert "app password" in use_default(administrator, {**NOTHING, "provider": "gmail"})


def test_the_provider_of_a_stored_server_is_recognised_and_choosing_one_is_no_change(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    draft.update(connection={**draft.connection, "host": "imap.gmail.com"})
    url = f"{BASE}/{draft.pk}/connection/"
    records = LogEntry.objects.count()

    html = page(administrator, url)
    save(administrator, {**typed, "host": "imap.gmail.com", "password": "", "provider": "zoho"}, url)

    assert value(html, "provider") == "gmail"
    assert LogEntry.objects.count() == records


@pytest.mark.req("S0-14", "S1-05", "S4-10", "S2-11")
@pytest.mark.parametrize(("encryption", "port"), [("tls", 993), ("starttls", 143), ("none", 143)])
def test_a_port_left_empty_is_the_one_of_the_encryption(
    administrator: Client, typed: dict[str, Any], encryption: str, port: int
) -> None:
    save(administrator, {**typed, "port": "", "encryption": encryption})

    assert MailServer.objects.get().connection["port"] == port


def test_the_page_knows_which_port_follows_which_encryption(administrator: Client) -> None:
    html = page(administrator)

    assert 'data-ports="{"tls": 993, "starttls": 143, "none": 143}"' in html
    assert 'data-ports="{"starttls": 587, "tls": 465, "none": 25}"' in html


# --- The mailbox -------------------------------------------------------------------------------


@pytest.mark.req("S2-14", "S1-22", "S0-13", "S1-03", "S2-06", "S2-08", "S3-12", "S3-13", "S4-05")
def test_what_must_be_filled_in_has_an_asterisk_and_keeps_the_next_step_closed(administrator: Client) -> None:
    html = page(administrator)
    must = {name for name in re.findall(r'<label for="id_([^"]+)"\s+class="label must"', html)}

    refused = save(administrator, NOTHING, button="_next")

    assert {"name", "address", "protocol", "host", "password"} <= must
    assert not {"aliases", "reply_to", "username", "provider"} & must
    assert all(beside(refused, name) for name in ("name", "address", "host", "password"))
    assert not MailServer.objects.exists()


@pytest.mark.req("S4-07", "S0-43", "S1-26")
def test_aliases_are_pasted_with_commas_semicolons_or_lines(administrator: Client, typed: dict[str, Any]) -> None:
    pasted = "helpdesk@example.com, IT@Example.com; service@example.com\nit@example.com\n"

    save(administrator, {**typed, "aliases": pasted})

    server = MailServer.objects.get()
    assert sorted(row.address for row in server.aliases.all()) == [
        *("helpdesk@example.com", "it@example.com", "service@example.com"),
    ]
    assert value(page(administrator, f"{BASE}/{server.pk}/connection/"), "aliases").split() == [
        *("helpdesk@example.com", "it@example.com", "service@example.com"),
    ]


@pytest.mark.req("S4-07")
def test_an_alias_that_is_no_address_is_named(administrator: Client, typed: dict[str, Any]) -> None:
    html = save(administrator, {**typed, "aliases": "helpdesk@example.com, helpdesk"})

    assert "“helpdesk” is not a mail address" in beside(html, "aliases")


@pytest.mark.req("S4-08", "S4-07", "S1-26")
def test_the_mailboxs_own_addresses_are_in_no_line_of_an_answer(server: MailServer, receive: Receive) -> None:
    row = receive(letter(to="support@example.com", Cc="helpdesk@example.com, kim@customer.example"))
    people = ["anna@customer.example", "support@example.com", "helpdesk@example.com", "kim@customer.example"]

    reply = AgentReply(row.ticket_id, row.note_id, "T-1", "Printer", "Done.", people, timezone.now())
    queue_reply(reply)

    sent = OutboundMail.objects.get(kind=OutboundMail.Kind.REPLY)
    head = bytes(sent.raw).partition(b"\r\n\r\n")[0].decode().lower()
    addressed = " ".join(
        line for line in head.replace("\r\n ", " ").split("\r\n") if line.startswith(("to:", "cc:", "bcc:"))
    )
    assert sent.recipients == ["anna@customer.example", "kim@customer.example"]
    assert "anna@customer.example" in addressed
    assert "support@example.com" not in addressed
    assert "helpdesk@example.com" not in addressed


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    server = new_server()
    server.aliases.create(address="helpdesk@example.com")
    return server


@pytest.mark.req("S2-08", "S1-03", "S0-13")
@pytest.mark.parametrize(("ticked", "signs_in_as"), [(True, "support@example.com"), (False, "infra_support")])
def test_the_login_name_may_differ_from_the_address(
    administrator: Client, typed: dict[str, Any], signs_in_as: str, *, ticked: bool
) -> None:
    box = {"login_is_address": "on"} if ticked else {}

    save(administrator, {**typed, **box, "username": "infra_support"})

    server = MailServer.objects.get()
    html = page(administrator, f"{BASE}/{server.pk}/connection/")
    assert server.connection["username"] == signs_in_as
    assert ("checked" in re.findall(r'<input type="checkbox" name="login_is_address"[^>]*>', html)[0]) == ticked


@pytest.mark.req("S1-14")
def test_going_back_to_the_address_as_login_name_asks_for_the_password_again(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    html = save(administrator, {**typed, "password": "", "login_is_address": "on"}, f"{BASE}/{draft.pk}/connection/")

    assert "never sent somewhere else" in beside(html, "password")


@pytest.mark.req("S0-15", "S1-04")
def test_a_reply_to_address_is_optional_and_checked(administrator: Client, typed: dict[str, Any]) -> None:
    assert "is not a mail address" in beside(save(administrator, {**typed, "reply_to": "answers"}), "reply_to")

    save(administrator, {**typed, "reply_to": "Answers@Example.com"})
    assert MailServer.objects.get().reply_to == "answers@example.com"


def test_a_persons_own_address_is_no_mailbox(administrator: Client, typed: dict[str, Any]) -> None:
    User.objects.create_user("kim", "support@example.com")

    assert "belongs to a person who signs in here" in beside(save(administrator, typed), "address")


@pytest.mark.req("S1-02", "S4-05", "S0-12")
@pytest.mark.parametrize(("host", "fits"), [("mail.example.com", 1), ("192.0.2.1", 1), ("https://mail.example.com", 0)])
def test_a_host_is_a_name_or_an_address(administrator: Client, typed: dict[str, Any], host: str, fits: int) -> None:
    html = save(administrator, {**typed, "host": host})

    assert MailServer.objects.count() == fits
    assert fits or "without https://" in beside(html, "host")


# --- When --------------------------------------------------------------------------------------


@pytest.mark.req("S1-15", "S1-16", "S1-18", "S4-24", "S3-14", "S0-21", "S1-40")
@pytest.mark.parametrize(
    ("name", "smallest", "largest"),
    [
        ("timeout_ms", 1000, 120_000),
        ("max_tries", 1, 20),
        ("cool_off_minutes", 0, 1440),
        ("fetch_every_minutes", 1, 1440),
    ],
)
def test_times_have_limits(
    administrator: Client, typed: dict[str, Any], name: str, smallest: int, largest: int
) -> None:
    for wrong in (smallest - 1, largest + 1):
        assert beside(save(administrator, {**typed, name: str(wrong)}), name)
    for place, right in enumerate((smallest, largest)):
        save(administrator, {**typed, "name": f"Support {place}", name: str(right)})
        assert getattr(MailServer.objects.get(name=f"Support {place}"), name) == right


@pytest.mark.req("S1-17")
def test_skip_times_may_cross_midnight(administrator: Client, typed: dict[str, Any]) -> None:
    assert "is not a time span" in beside(save(administrator, {**typed, "skip_times": "2 to 4"}), "skip_times")

    save(administrator, {**typed, "skip_times": "02:00-04:00, 23:30 - 00:30"})
    assert MailServer.objects.get().skip_times == ["02:00-04:00", "23:30-00:30"]


# --- What the page tells -----------------------------------------------------------------------


@pytest.mark.req("S1-37")
def test_the_page_recommends_oauth(administrator: Client) -> None:
    assert "prefer it to a password" in page(administrator)


@pytest.mark.req("S1-39")
def test_the_address_we_come_from_stands_beside_the_hosts(administrator: Client) -> None:
    assert "firewall has to let in" not in page(administrator)

    alert_settings.save({**alert_settings.current(), "egress_address": "203.0.113.7"}, by=None)

    assert page(administrator).count("has to let in 203.0.113.7") == 2


@pytest.mark.req("S4-56")
def test_trouble_comes_with_the_four_usual_reasons(administrator: Client, typed: dict[str, Any]) -> None:
    bad = save(administrator, {**typed, "password": "wrong"}, button="_test")
    good = save(administrator, typed, button="_test")

    for topic in ("Firewall or virus scanner", "Certificate", "Sign-in", "Settings"):
        assert f"<dt>{topic}</dt>" in bad
        assert f"<dt>{topic}</dt>" not in good
    assert "Copy what was seen" in bad
    assert "Copy what was seen" in good


@pytest.mark.parametrize("path", ["add/", "{}/connection/"])
def test_a_report_of_a_crash_shows_nothing_that_was_typed(
    administrator: Client, draft: MailServer, typed: dict[str, Any], rf: RequestFactory, path: str
) -> None:
    url = f"{BASE}/{path.format(draft.pk)}"
    view, args, named = resolve(url)
    request = rf.post(url, {**typed, "_refresh": "1"})
    request.user = User.objects.get(username="ada")
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]

    view(request, *args, **named)

    assert request.sensitive_post_parameters == "__ALL__"  # type: ignore[attr-defined]
