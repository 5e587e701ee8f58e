"""“Test connection”: real servers, unsaved input, errors beside their fields."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from mailchannel.admin.probe import PER_MINUTE
from mailchannel.models import MailServer
from mailchannel.services import drafts
from tests.admin.conftest import BASE
from tests.servers.fixtures import NewScript
from tests.servers.loopback import free_port
from tests.servers.mailbox import Mailbox

pytestmark = pytest.mark.slow

HTMX = {"HX-Request": "true"}
MAIL = b"From: anna@example.com\r\nSubject: Printer\r\nMessage-ID: <1@example.com>\r\n\r\nOn fire.\r\n"


@pytest.fixture(autouse=True)
def no_tests_counted() -> None:
    cache.clear()


def try_it(client: Client, typed: dict[str, Any], url: str = f"{BASE}/add/") -> str:
    return client.post(url, {**typed, "_test": "1"}, headers=HTMX).content.decode()


def beside(html: str, field: str) -> str:
    return html.split(f'id="id_{field}_error" hx-swap-oob="true">')[1].split("</p>")[0]


def latest_record() -> str:
    return LogEntry.objects.latest("pk").change_message


def findings(html: str) -> str:
    """What can be copied."""
    return unescape(html.split('id="seen-text"')[1].split(">", 1)[1].split("</textarea>")[0])


@pytest.mark.req("S0-04", "S1-21", "S2-13", "S3-05", "S3-17", "S4-40")
def test_a_good_connection_says_what_was_seen_and_saves_nothing(
    administrator: Client, typed: dict[str, Any], dovecot: Mailbox
) -> None:
    dovecot.deliver(MAIL)

    html = try_it(administrator, typed)

    assert f"Signed in as {dovecot.username}." in html
    assert "can be read." in html
    assert f"Connected to 127.0.0.1, port {typed['sending-port']}." in html
    assert "No mail was sent." in html
    assert "Everything needed works." in html
    assert "Problem:" not in html
    assert not MailServer.objects.exists()
    assert not any("Seen" in flag for flag in dovecot.flags()["1"])


@pytest.mark.req("S2-13", "S1-21")
def test_a_refused_password_is_reported_at_the_password(administrator: Client, typed: dict[str, Any]) -> None:
    html = try_it(administrator, {**typed, "password": "wrong"})

    assert "did not accept" in beside(html, "password")
    assert not beside(html, "host")


@pytest.mark.req("S2-13")
def test_a_dead_port_is_reported_at_the_server(administrator: Client, typed: dict[str, Any]) -> None:
    nobody = str(free_port())

    html = try_it(administrator, {**typed, "port": nobody, "sending-port": nobody})

    assert beside(html, "host") or beside(html, "port")
    assert beside(html, "sending-host") or beside(html, "sending-port")


def test_what_is_missing_for_a_test_is_said_without_trying(administrator: Client, typed: dict[str, Any]) -> None:
    html = try_it(administrator, {**typed, "host": "", "name": ""})

    assert "Host is missing." in beside(html, "host")
    assert "Signed in" not in html


def test_the_rest_of_the_form_may_be_unfinished(administrator: Client, typed: dict[str, Any]) -> None:
    assert "Signed in" in try_it(administrator, {**typed, "name": "", "address": ""})


def test_without_javascript_the_result_is_part_of_the_page(administrator: Client, typed: dict[str, Any]) -> None:
    html = administrator.post(f"{BASE}/add/", {**typed, "_test": "1"}).content.decode()

    assert "<title>Connection" in html
    assert "Signed in as" in html


def test_a_server_that_says_nothing_does_not_keep_the_administrator_waiting(
    administrator: Client, typed: dict[str, Any], new_script: NewScript
) -> None:
    with_timeout = {**typed, "timeout_ms": "1000", "port": str(new_script(greeting=b"").port)}

    html = try_it(administrator, with_timeout)

    assert "Problem:" in html


@pytest.mark.req("S1-21")
def test_a_draft_is_tested_with_its_stored_password(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    html = try_it(administrator, {**typed, "password": ""}, f"{BASE}/{draft.pk}/connection/")

    assert "Signed in as" in html
    assert f"imap at 127.0.0.1, port {typed['port']}" in latest_record()


@pytest.mark.req("SS-04")
def test_testing_a_mail_server_that_was_never_saved_is_recorded_too(
    administrator: Client, typed: dict[str, Any]
) -> None:
    try_it(administrator, typed)

    assert f"of a new mail server: imap at 127.0.0.1, port {typed['port']}" in latest_record()
    assert typed["password"] not in latest_record()


def test_looking_again_at_what_is_saved_is_recorded(administrator: Client, ready: MailServer) -> None:
    administrator.post(f"{BASE}/{ready.pk}/look/", headers=HTMX)

    assert "Tested the connection: imap at 127.0.0.1" in latest_record()


@pytest.mark.req("S1-14", "SS-05")
@pytest.mark.parametrize("change", [{"host": "localhost"}, {"port": "1"}, {"encryption": "tls"}, {"username": "kim"}])
def test_a_stored_password_is_never_sent_to_another_server_or_account(
    administrator: Client, draft: MailServer, typed: dict[str, Any], change: dict[str, str]
) -> None:
    url = f"{BASE}/{draft.pk}/connection/"
    moved = {**typed, **change, "password": ""}

    tested = try_it(administrator, moved, url)
    saved = administrator.post(url, {**moved, "_save": "1"}).content.decode()

    assert "never sent somewhere else" in beside(tested, "password")
    assert "Signed in" not in tested
    assert "never sent somewhere else" in saved
    draft.refresh_from_db()
    assert draft.connection["host"] == typed["host"]


@pytest.mark.req("S1-14", "SS-05")
@pytest.mark.parametrize("prepared", [False, True], ids=["in force", "in a draft"])
@pytest.mark.parametrize("button", ["_test", "_save", "_next"])
def test_a_server_that_was_put_in_place_of_a_live_one_hears_nothing(
    administrator: Client,
    published: MailServer,
    typed: dict[str, Any],
    new_script: NewScript,
    button: str,
    *,
    prepared: bool,
) -> None:
    url, kept = f"{BASE}/{published.pk}/connection/", {**typed, "password": ""}
    stranger = new_script()
    if prepared:
        administrator.post(url, {**kept, "fetch_every_minutes": "5", "_save": "1"})

    for moved in ({"port": str(stranger.port)}, {"sending-port": str(stranger.port), "same_account": "on"}):
        administrator.post(url, {**kept, **moved, button: "1"})

    assert stranger.commands == []
    assert (drafts.draft_of(published) is not None) == prepared


@pytest.mark.req("S1-14")
def test_a_stored_sending_password_stays_with_its_server_too(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    url = f"{BASE}/{draft.pk}/connection/"
    account = {"sending-username": "out", "sending-password": "out-secret"}
    administrator.post(url, {**typed, **account, "_save": "1"})

    html = administrator.post(
        url, {**typed, "sending-username": "out", "sending-host": "localhost", "_save": "1"}
    ).content.decode()

    assert "never sent somewhere else" in html.split('id="id_sending-password_error">')[1].split("</p>")[0]


def test_using_the_reading_account_for_sending_asks_for_its_password(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    url = f"{BASE}/{draft.pk}/connection/"

    kept = administrator.post(url, {**typed, "password": "", "same_account": "on", "_save": "1"}).content.decode()
    administrator.post(url, {**typed, "same_account": "on", "_save": "1"})

    assert "never sent somewhere else" in kept
    draft.refresh_from_db()
    assert draft.sending["username"] == typed["username"]
    assert draft.secrets["sending.password"] == typed["password"]


@pytest.mark.req("S0-40", "S1-23")
def test_the_folders_step_lists_the_mailboxs_folders(
    administrator: Client, draft: MailServer, dovecot: Mailbox
) -> None:
    dovecot.create("Customers & Friends")

    html = administrator.post(
        f"{BASE}/{draft.pk}/folders/", {"source": ["INBOX", "Elsewhere"], "_folders": "1"}, headers=HTMX
    ).content.decode()

    assert 'name="source" value="INBOX" checked' in " ".join(html.split())
    assert 'value="Customers &amp; Friends"' in html
    assert ">Elsewhere</textarea>" in html


def test_folders_can_be_typed_when_the_mailbox_does_not_answer(administrator: Client, draft: MailServer) -> None:
    draft.update(connection={**draft.connection, "port": 1})

    html = administrator.post(f"{BASE}/{draft.pk}/folders/", {"_folders": "1"}, headers=HTMX).content.decode()

    assert "could not be listed, so type their names" in html
    assert '<textarea id="id_source"' in html


@pytest.mark.req("SS-01")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.10", "169.254.169.254"])
def test_private_addresses_are_refused_unless_allowed(
    administrator: Client, typed: dict[str, Any], settings: Settings, host: str
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False

    html = try_it(administrator, {**typed, "host": host, "sending-host": host})

    assert "Connected to" not in html
    assert "private or reserved network" in beside(html, "host")
    assert "private or reserved network" in beside(html, "sending-host")


@pytest.mark.req("SS-01")
def test_the_address_cloud_secrets_lie_at_stays_refused_where_private_ones_are_allowed(
    administrator: Client, typed: dict[str, Any]
) -> None:
    html = try_it(administrator, {**typed, "host": "169.254.169.254"})

    assert "private or reserved network" in beside(html, "host")


@pytest.mark.req("SS-04")
def test_closed_silent_and_foreign_ports_look_the_same(
    administrator: Client, typed: dict[str, Any], new_script: NewScript
) -> None:
    web, silent = new_script(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n"), new_script(greeting=b"")
    ports = [str(free_port()), str(web.port), str(silent.port)]

    pages = [try_it(administrator, {**typed, "timeout_ms": "1000", "port": port}) for port in ports]

    seen = {findings(page).replace(port, "PORT") for page, port in zip(pages, ports, strict=True)}
    assert len(seen) == 1
    assert "✕ Line: No IMAP server answered at 127.0.0.1, port PORT." in seen.pop()


@pytest.mark.req("SS-04")
def test_a_form_is_no_port_scanner(administrator: Client, typed: dict[str, Any]) -> None:
    nowhere = {**typed, "port": "1", "sending-host": ""}

    answers = [try_it(administrator, nowhere) for _ in range(PER_MINUTE + 1)]

    assert "That was a lot of tests." not in answers[PER_MINUTE - 1]
    assert "That was a lot of tests." in answers[PER_MINUTE]


def test_the_review_page_tests_what_is_saved(administrator: Client, ready: MailServer, dovecot: Mailbox) -> None:
    dovecot.deliver(MAIL)

    html = administrator.post(f"{BASE}/{ready.pk}/look/", headers=HTMX).content.decode()

    assert "“INBOX” holds 1 mail" in html
    assert "Not there yet: “Processed”, “Failed”, “Ignored”." in html
    assert dovecot.uids() == ["1"]


@pytest.mark.req("S2-15", "S2-03")
def test_nobody_goes_on_before_the_mailbox_opens(administrator: Client, typed: dict[str, Any]) -> None:
    html = administrator.post(f"{BASE}/add/", {**typed, "password": "wrong", "_next": "1"}).content.decode()

    assert "did not accept" in html.split('id="id_password_error">')[1].split("</p>")[0]
    assert not MailServer.objects.exists()

    answer = administrator.post(f"{BASE}/add/", {**typed, "_next": "1"})
    server = MailServer.objects.get()
    assert answer["Location"] == f"{BASE}/{server.pk}/folders/"

    html = administrator.post(
        f"{BASE}/{server.pk}/connection/", {**typed, "password": "wrong", "_next": "1"}
    ).content.decode()
    assert "did not accept" in html
    assert MailServer.objects.get().secrets["password"] == typed["password"]


def test_a_mailbox_that_does_not_open_can_be_kept_as_a_draft(administrator: Client, typed: dict[str, Any]) -> None:
    administrator.post(f"{BASE}/add/", {**typed, "password": "wrong", "_save": "1"})

    assert MailServer.objects.get().reached == 0


def test_trouble_with_sending_keeps_nobody_from_going_on(administrator: Client, typed: dict[str, Any]) -> None:
    administrator.post(f"{BASE}/add/", {**typed, "sending-port": "1", "_next": "1"})

    server = MailServer.objects.get()
    assert server.reached == 1
    assert (server.sending["host"], server.sending["port"]) == (typed["sending-host"], 1)


@pytest.mark.req("S2-15")
def test_saving_a_closed_mailbox_as_a_draft_is_no_way_around_the_test(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    url = f"{BASE}/{draft.pk}/connection/"

    administrator.post(url, {**typed, "password": "wrong", "_save": "1"})
    html = administrator.post(url, {**typed, "password": "", "_next": "1"}).content.decode()

    assert "the mailbox does not open" in html
    assert "did not accept" in html.split('id="id_password_error">')[1].split("</p>")[0]


@pytest.mark.req("S2-15")
def test_settings_prepared_for_a_live_mailbox_are_tried_and_those_in_force_are_not(
    administrator: Client, published: MailServer, typed: dict[str, Any]
) -> None:
    url, unchanged = f"{BASE}/{published.pk}/connection/", {**typed, "password": ""}
    tests = LogEntry.objects.filter(change_message__startswith="Tested the connection")
    before = tests.count()

    administrator.post(url, {**unchanged, "fetch_every_minutes": "5", "_next": "1"})
    untried = tests.count()
    administrator.post(url, {**typed, "password": "wrong", "_save": "1"})
    html = administrator.post(url, {**unchanged, "_next": "1"}).content.decode()

    assert untried == before
    assert "the mailbox does not open" in html


def test_a_target_nothing_may_be_put_into_keeps_nobody_from_the_step_that_can_mend_it(
    administrator: Client, draft: MailServer, typed: dict[str, Any], new_script: NewScript
) -> None:
    listed = b'* LIST () "/" INBOX\r\n* LIST () "/" Failed\r\nTAG OK listed\r\n'
    rights, found = b"* MYRIGHTS Failed lrs\r\nTAG OK told\r\n", b"* SEARCH\r\nTAG OK found\r\n"
    answers = {"LIST": listed, "MYRIGHTS": rights, "UID SEARCH": found}
    server = new_script(capabilities="IMAP4rev1 MOVE ACL", answers=answers)
    draft.folders.create(role="fail", folder="Failed")

    answer = administrator.post(
        f"{BASE}/{draft.pk}/connection/", {**typed, "port": str(server.port), "password": "new", "_next": "1"}
    )

    assert answer.status_code == 302
    assert any(command.startswith("MYRIGHTS") for command in server.commands)


def test_numbers_left_empty_in_a_draft_stay_as_they_were(
    administrator: Client, draft: MailServer, typed: dict[str, Any]
) -> None:
    numbers = ("fetch_every_minutes", "timeout_ms", "max_tries", "cool_off_minutes")
    empty = {**typed, **dict.fromkeys(numbers, "")}
    url = f"{BASE}/{draft.pk}/connection/"
    before = [getattr(draft, name) for name in numbers]

    tested = try_it(administrator, empty, url)
    administrator.post(url, {**empty, "_save": "1"})
    refused = administrator.post(url, {**empty, "_next": "1"}).content.decode()

    draft.refresh_from_db()
    assert "Signed in as" in tested
    assert [getattr(draft, name) for name in numbers] == before
    assert "required" in refused.split('id="id_timeout_ms_error">')[1].split("</p>")[0]
