"""The connection step: the protocol and the way of signing in decide what is asked for."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.admin.connection import OF_FETCHING
from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services.sign_in.specs import READING_VAULT
from tests.admin.conftest import BASE
from tests.fixtures import NewServer

pytestmark = pytest.mark.django_db
ADD = f"{BASE}/add/"
TENANT = "00000000-0000-0000-0000-000000000000"
BASICS = {
    "name": "Support",
    "address": "support@example.com",
    "fetch_every_minutes": "1",
    "timeout_ms": "5000",
    "max_tries": "3",
    "cool_off_minutes": "5",
}
APPLICATION = {
    "oauth-tenant": TENANT,
    "oauth-client_id": "helpdesk",
    "oauth-client_secret": "the secret",
    "oauth-grant": "person",
    "oauth-authority": "https://login.microsoftonline.com",
}
GRAPH = {
    **BASICS,
    **APPLICATION,
    "protocol": "graph",
    "auth": "oauth_microsoft",
    "endpoint": "https://graph.microsoft.com",
    "sending_protocol": "graph",
    "sending_auth": "oauth_microsoft",
    "sending-endpoint": "https://graph.microsoft.com",
    "sending-keep_copy": "on",
}


def chosen(client: Client, **typed: str) -> dict[str, str]:
    """Name → value of every field the page shows after this choice; the last one named is the one just made."""
    page = client.post(ADD, {**typed, "_refresh": list(typed)[-1]}).content.decode()
    found: dict[str, str] = {}
    for tag in re.findall(r"<(?:input|textarea)\b[^>]*>", page):
        attributes = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', tag))
        if "name" in attributes and (attributes.get("type") != "checkbox" or " checked" in tag):
            found[attributes["name"]] = attributes.get("value", "")
    for name, inside in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', page, flags=re.DOTALL):
        found[name] = "".join(re.findall(r'value="([^"]*)" selected', inside))
    return found


def stored(client: Client, typed: dict[str, str], server: MailServer | None = None) -> MailServer:
    url = f"{BASE}/{server.pk}/connection/" if server else ADD
    answer = client.post(url, {**typed, "_save": "1"})
    assert answer.status_code == 302, re.findall(r'class="error"[^>]*>[^<]+', answer.content.decode())
    return MailServer.objects.get()


@pytest.mark.req("S4-02", "S2-07", "S3-09", "S1-06", "S4-19")
@pytest.mark.parametrize(
    ("protocol", "asked", "not_asked"),
    [
        ("imap", {"host", "port", "encryption", "password", "auth"}, {"url", "endpoint", "oauth-client_id"}),
        ("pop3", {"host", "port", "encryption", "password", "auth"}, {"url", "endpoint", "oauth-client_id"}),
        ("ews", {"url", "mailbox", "password", "sign_in"}, {"host", "port", "endpoint", "provider"}),
        ("graph", {"endpoint", "mailbox", "oauth-client_id", "oauth-tenant"}, {"host", "password", "username"}),
        ("forwarding", {"door", "timeout_ms"}, {"host", "password", "auth", "oauth-client_id", *OF_FETCHING}),
    ],
)
def test_each_protocol_asks_for_its_own(
    administrator: Client, protocol: str, asked: set[str], not_asked: set[str]
) -> None:
    fields = chosen(administrator, protocol=protocol).keys()

    assert asked <= fields
    assert not not_asked & fields


@pytest.mark.req("S0-03", "S0-16", "S2-04", "S4-06")
@pytest.mark.parametrize("auth", ["oauth_microsoft", "oauth"])
def test_with_oauth_no_password_is_asked_for(administrator: Client, auth: str) -> None:
    with_password = chosen(administrator, protocol="imap", auth="password")
    with_oauth = chosen(administrator, protocol="imap", auth=auth)

    assert "password" in with_password and "oauth-client_id" not in with_password
    assert "password" not in with_oauth and {"oauth-client_id", "oauth-client_secret"} <= with_oauth.keys()
    assert ("oauth-tenant" in with_oauth) == (auth == "oauth_microsoft")


def test_what_a_choice_brings_shows_its_defaults(administrator: Client) -> None:
    fields = chosen(administrator, protocol="graph")

    assert fields["endpoint"] == fields["sending-endpoint"] == "https://graph.microsoft.com"
    assert fields["oauth-authority"] == "https://login.microsoftonline.com"
    assert "sending-keep_copy" in fields
    assert "verify_certificate" not in fields  # not ticked: it is checked
    assert chosen(administrator, port="993", encryption="tls", protocol="pop3")["port"] == "995"


def test_a_switch_that_is_off_stays_off_when_another_sign_in_is_chosen(administrator: Client) -> None:
    sending = {
        "sending_protocol": "ews",
        "sending-url": "https://mail.example.com/EWS/",
        "sending-mailbox": "a@b.example",
    }

    assert "sending-keep_copy" not in chosen(administrator, **sending, sending_auth="password")
    assert "sending-keep_copy" in chosen(administrator, sending_protocol="ews")


@pytest.mark.parametrize(("protocol", "sending"), [("graph", "graph"), ("ews", "ews"), ("imap", "smtp")])
def test_answers_leave_the_way_mail_comes_in_unless_something_else_is_chosen(
    administrator: Client, protocol: str, sending: str
) -> None:
    assert chosen(administrator, protocol=protocol)["sending_protocol"] == sending
    kept = chosen(administrator, protocol="graph", sending_protocol="smtp", sending_auth="password")
    assert (kept["sending_protocol"], kept["sending_auth"]) == ("smtp", "password")


@pytest.mark.req("S4-21")
def test_what_was_typed_is_stored_and_secrets_apart_from_it(administrator: Client) -> None:
    server = stored(administrator, GRAPH)

    assert (server.protocol, server.auth, server.sending_protocol) == ("graph", "oauth_microsoft", "graph")
    assert server.oauth["client_id"] == "helpdesk"
    assert server.secrets == {f"{READING_VAULT}client_secret": "the secret"}
    assert server.sending_oauth == {}  # the same application
    assert server.verify_certificate
    assert "the secret" not in str([entry.change_message for entry in LogEntry.objects.all()])


def test_a_secret_is_forgotten_with_the_way_it_was_for(administrator: Client) -> None:
    server = stored(administrator, GRAPH)
    imap = {"protocol": "imap", "auth": "password", "host": "mail.example.com", "port": "993", "encryption": "tls"}
    account = {"username": "support", "password": "pass", "sending-username": ""}
    smtp = {"sending_protocol": "smtp", "sending_auth": "password", "sending-host": "smtp.example.com"}

    again = stored(administrator, {**BASICS, **imap, **account, **smtp, "sending-encryption": "tls"}, server)

    assert again.secrets == {"password": "pass"}


def test_a_secret_that_is_not_needed_is_removed_by_a_tick(administrator: Client) -> None:
    server = stored(administrator, {**GRAPH, "oauth-refresh_token": "pasted"})
    page = administrator.get(f"{BASE}/{server.pk}/connection/").content.decode()
    assert page.count("Remove the stored one") == 2

    again = stored(administrator, {**GRAPH, "oauth-client_secret": "", "oauth-client_secret-remove": "on"}, server)

    assert again.secrets == {f"{READING_VAULT}refresh_token": "pasted"}
    assert "client secret: removed" in LogEntry.objects.values_list("change_message", flat=True)[0]
    page = administrator.get(f"{BASE}/{server.pk}/connection/").content.decode()
    assert page.count("Remove the stored one") == 1


def test_a_tick_for_removing_is_shown_again_and_does_not_go_with_a_new_secret(administrator: Client) -> None:
    server = stored(administrator, GRAPH)

    answer = administrator.post(
        f"{BASE}/{server.pk}/connection/", {**GRAPH, "oauth-client_secret-remove": "on", "_save": "1"}
    )

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Type a new one or have the stored one removed, not both." in page
    assert re.search(r'name="oauth-client_secret-remove"[^>]* checked', page)
    assert MailServer.objects.get().secrets == server.secrets


def test_a_secret_that_is_needed_cannot_be_removed(administrator: Client) -> None:
    imap = {"protocol": "imap", "auth": "password", "host": "mail.example.com", "port": "993", "encryption": "tls"}
    account = {"username": "support", "password": "pass", "sending-username": "sender", "sending-password": "other"}
    smtp = {"sending_protocol": "smtp", "sending_auth": "password", "sending-host": "smtp.example.com"}
    typed = {**BASICS, **imap, **account, **smtp, "sending-encryption": "tls"}
    server = stored(administrator, typed)

    gone = {"password": "", "password-remove": "on", "sending-password": "", "sending-password-remove": "on"}
    again = stored(administrator, {**typed, **gone}, server)

    assert again.secrets == {"password": "pass"}


def test_what_is_removed_need_not_be_given_again(administrator: Client) -> None:
    server = stored(administrator, GRAPH)
    gone = {"oauth-client_id": "another", "oauth-client_secret": "", "oauth-client_secret-remove": "on"}

    again = stored(administrator, {**GRAPH, **gone}, server)

    assert (again.oauth["client_id"], again.secrets) == ("another", {})


@pytest.mark.req("S4-22")
def test_a_second_application_sends_where_it_is_wanted(administrator: Client) -> None:
    own = {name.replace("oauth-", "sending-oauth-"): value for name, value in APPLICATION.items()}
    typed = {**GRAPH, **own, "own_application": "on", "sending-oauth-client_id": "sender"}

    server = stored(administrator, typed)

    assert (server.oauth["client_id"], server.sending_oauth["client_id"]) == ("helpdesk", "sender")
    page = administrator.get(f"{BASE}/{server.pk}/connection/").content.decode()
    assert "the same client ID" not in page
    same = stored(administrator, GRAPH, server)
    assert same.sending_oauth == {} and "sending-oauth.client_secret" not in same.secrets
    assert "the same client ID" in administrator.get(f"{BASE}/{server.pk}/connection/").content.decode()


@pytest.mark.parametrize("changed", ["oauth-client_id", "oauth-tenant", "oauth-authority"])
def test_a_client_secret_is_never_sent_to_where_it_was_not_typed_for(administrator: Client, changed: str) -> None:
    server = stored(administrator, GRAPH)
    elsewhere = "https://login.example.com" if changed == "oauth-authority" else "example.onmicrosoft.com"
    typed = {**GRAPH, "oauth-client_secret": "", changed: elsewhere, "_save": "1"}

    page = administrator.post(f"{BASE}/{server.pk}/connection/", typed)

    assert page.status_code == 200
    assert "a stored secret is never sent somewhere else" in page.content.decode()
    assert stored(administrator, {**typed, "oauth-client_secret": "new"}, server).secrets == {
        f"{READING_VAULT}client_secret": "new"
    }


IMAP = {
    **BASICS,
    **APPLICATION,
    "oauth-grant": "application",
    "protocol": "imap",
    "auth": "oauth_microsoft",
    "host": "outlook.office365.com",
    "port": "993",
    "encryption": "tls",
    "login_is_address": "on",
    "sending_protocol": "smtp",
    "sending_auth": "oauth_microsoft",
    "sending-host": "smtp.office365.com",
    "sending-port": "587",
    "sending-encryption": "starttls",
}
SENDS_WITH_PASSWORD = {"sending_auth": "password", "sending-username": "me", "sending-password": "mine"}


@pytest.mark.req("SS-05")
@pytest.mark.parametrize(
    "moved",
    [
        {"host": "imap.example.com"},
        {"port": "143"},
        {"encryption": "none"},
        {"sending-host": "smtp.example.com"},
        {"protocol": "graph", "endpoint": "https://graph.example.com"},
    ],
    ids=lambda moved: next(iter(moved)),
)
def test_tokens_an_application_gets_by_itself_are_shown_to_no_other_server(
    administrator: Client, moved: dict[str, str]
) -> None:
    server = stored(administrator, IMAP)
    typed = {**IMAP, "oauth-client_secret": "", **moved}

    for button in ("_save", "_test"):
        page = administrator.post(f"{BASE}/{server.pk}/connection/", {**typed, button: "1"})
        assert "a stored secret is never sent somewhere else" in page.content.decode()

    stored(administrator, {**typed, "oauth-client_secret": "new"}, server)


@pytest.mark.req("SS-05")
def test_nor_to_one_that_gets_them_later(administrator: Client) -> None:
    """First a server with a password of one's own, then the application for it."""
    elsewhere = {"sending-host": "smtp.example.com"}
    kept = {"oauth-client_secret": "", **elsewhere}
    server = stored(administrator, {**IMAP, **elsewhere, **SENDS_WITH_PASSWORD})

    page = administrator.post(f"{BASE}/{server.pk}/connection/", {**IMAP, **kept, "_save": "1"})
    assert "a stored secret is never sent somewhere else" in page.content.decode()

    by_person = {**IMAP, "oauth-grant": "person"}
    server = stored(administrator, {**by_person, "oauth-client_secret": "new"}, server)
    server = stored(administrator, {**by_person, **kept}, server)  # nobody gets a token with a person's secret alone
    page = administrator.post(f"{BASE}/{server.pk}/connection/", {**IMAP, **kept, "_save": "1"})
    assert "a stored secret is never sent somewhere else" in page.content.decode()


@pytest.mark.req("SS-05")
def test_nor_are_those_a_pasted_refresh_token_brings(administrator: Client) -> None:
    by_person = {**IMAP, "oauth-grant": "person"}
    server = stored(administrator, {**by_person, "oauth-refresh_token": "pasted"})
    typed = {**by_person, "oauth-client_secret": "", "host": "imap.example.com", "_save": "1"}

    page = administrator.post(f"{BASE}/{server.pk}/connection/", typed)

    assert page.context["form"].errors.keys() == {"oauth-client_secret", "oauth-refresh_token"}


@pytest.mark.req("S2-04", "S4-12")
def test_the_defaults_of_microsoft_bring_oauth_and_its_clouds_authority(administrator: Client) -> None:
    typed = {**BASICS, "protocol": "imap", "auth": "password", "sending_protocol": "smtp", "provider": "microsoft-us"}

    page = administrator.post(ADD, {**typed, "_refresh": "defaults"}).content.decode()

    assert 'value="oauth_microsoft" selected' in page
    assert 'value="https://login.microsoftonline.us"' in page
    assert 'placeholder="https://outlook.office365.us/IMAP.AccessAsUser.All' in page


def test_exchange_online_is_warned_about_by_date(administrator: Client) -> None:
    typed = {**BASICS, "protocol": "ews", "url": "https://outlook.office365.com/EWS/Exchange.asmx"}

    page = administrator.post(ADD, {**typed, "_refresh": "auth"}).content.decode()

    assert "2027-04-01" in page and "Use Microsoft Graph, or IMAP with OAuth." in page


@pytest.mark.req("S4-16", "S4-17")
def test_one_url_serves_reading_and_sending(administrator: Client) -> None:
    exchange = {
        "protocol": "ews",
        "url": "https://mail.example.com/EWS/Exchange.asmx",
        "mailbox": "support@example.com",
    }
    account = {"auth": "password", "sign_in": "ntlm", "username": "CORP\\support", "password": "pass"}
    sending = {"sending_protocol": "ews", "sending_auth": "password", "sending-sign_in": "ntlm", "same_account": "on"}

    server = stored(administrator, {**BASICS, **exchange, **account, **sending})

    assert server.sending["url"] == server.connection["url"]
    assert server.sending["username"] == "CORP\\support"
    assert server.secrets == {"password": "pass", "sending.password": "pass"}


@pytest.mark.req("SS-05")
def test_a_password_for_a_url_that_was_left_open_is_not_sent_to_the_one_for_reading(administrator: Client) -> None:
    account = {"auth": "password", "sign_in": "ntlm", "username": "CORP\\support", "mailbox": "support@example.com"}
    sending = {"sending_protocol": "ews", "sending_auth": "password", "sending-sign_in": "ntlm"}
    typed = {**BASICS, "protocol": "ews", **account, **sending, "sending-username": "CORP\\sender"}
    server = stored(administrator, {**typed, "password": "pass", "sending-password": "other pass"})

    elsewhere = {**typed, "password": "my own", "url": "https://mail.example.com/EWS/Exchange.asmx", "_save": "1"}
    page = administrator.post(f"{BASE}/{server.pk}/connection/", elsewhere)

    assert "a stored password is never sent somewhere else" in page.content.decode()


def test_the_history_says_that_a_certificate_is_not_checked_any_more(administrator: Client) -> None:
    server = stored(administrator, GRAPH)

    stored(administrator, {**GRAPH, "verify_certificate": "on", "oauth-client_secret": "again"}, server)

    assert not MailServer.objects.get().verify_certificate
    said = LogEntry.objects.latest("pk").change_message
    assert "do not check the server's certificate" in said


def test_a_refused_certificate_names_its_field(administrator: Client) -> None:
    page = administrator.post(
        ADD, {**GRAPH, "authorities": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"}
    )

    assert "This holds a private key" in page.content.decode()
    assert not MailServer.objects.exists()


def test_settings_of_a_way_that_is_not_used_do_not_keep_a_secret(new_server: NewServer, administrator: Client) -> None:
    server = new_server(status="draft", secrets=Secrets({"password": "pass", "inbox.secret": "kept"}))

    stored(administrator, GRAPH, server)

    assert dict(MailServer.objects.get().secrets) == {"inbox.secret": "kept", "oauth.client_secret": "the secret"}


@pytest.mark.req("S0-39")
def test_after_a_forwarding_inbox_come_the_reading_settings(administrator: Client) -> None:
    typed = {**BASICS, "protocol": "forwarding", "door": "postmark", "sending-host": "smtp.example.com"}

    answer = administrator.post(ADD, {**typed, "sending-port": "587", "sending-encryption": "tls", "_next": "1"})

    server = MailServer.objects.get()
    assert answer.headers["Location"] == f"{BASE}/{server.pk}/folders/"
    assert "Ignore mail before" in administrator.get(answer.headers["Location"]).content.decode()
