"""What an application asks for by protocol and cloud, and settings that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import SignInFailed
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.clouds import CLOUDS
from mailchannel.services.sign_in.consistency import contradictions, corrected
from mailchannel.services.sign_in.specs import problems, scopes_for, specs_of

MICROSOFT, OAUTH = "oauth_microsoft", "oauth"
TENANT = "11111111-2222-3333-4444-555555555555"


def server(**columns: Any) -> MailServer:
    """Not saved: only its columns count."""
    usual: dict[str, Any] = {
        "address": "support@example.com",
        "auth": MICROSOFT,
        "connection": {"host": "outlook.office365.com", "username": "support@example.com"},
        "oauth": {"tenant": TENANT, "client_id": "app"},
        "sending_auth": MICROSOFT,
        "sending": {"host": "smtp.office365.com", "username": "support@example.com"},
        "secrets": Secrets({"oauth.client_secret": "hush"}),
    }
    return MailServer(**{**usual, **columns})


def both_ways(found: list[Any]) -> list[str]:
    return [each.field for each in found]


@pytest.mark.req("S0-17", "S0-19", "S0-20", "S1-07", "S1-10", "S1-11", "S1-12", "S1-13", "S2-09", "S4-11")
def test_the_settings_of_an_application() -> None:
    names = {spec.name for spec in specs_of(MICROSOFT)}

    assert {"tenant", "client_id", "client_secret", "authority", "authorization_url", "token_url"} <= names
    assert {"scopes", "refresh_token", "secret_expires", "grant"} <= names
    assert "password" not in names
    assert {spec.name for spec in specs_of(OAUTH)} == names - {"tenant", "authority"}
    assert specs_of("password") == ()


@pytest.mark.parametrize(
    ("protocol", "host", "more", "scopes"),
    [
        ("imap", "outlook.office365.com", {}, ["https://outlook.office365.com/IMAP.AccessAsUser.All"]),
        ("pop3", "outlook.office365.com", {}, ["https://outlook.office365.com/POP.AccessAsUser.All"]),
        ("smtp", "smtp.office365.com", {"sending": True}, ["https://outlook.office365.com/SMTP.Send"]),
        ("smtp", "smtp.office365.us", {"sending": True}, ["https://outlook.office365.us/SMTP.Send"]),
        ("ews", "outlook.office365.com", {}, ["https://outlook.office365.com/EWS.AccessAsUser.All"]),
        ("ews", "mail.example.com", {}, ["https://mail.example.com/EWS.AccessAsUser.All"]),
        ("graph", "graph.microsoft.com", {}, ["https://graph.microsoft.com/Mail.ReadWrite"]),
        ("graph", "graph.microsoft.us", {"sending": True}, ["https://graph.microsoft.us/Mail.Send"]),
        ("graph", "graph.microsoft.com", {"shared": True}, ["https://graph.microsoft.com/Mail.ReadWrite.Shared"]),
    ],
)
@pytest.mark.req("S4-12", "S4-18", "S4-23")
def test_scopes_by_protocol_and_cloud(protocol: str, host: str, more: dict[str, bool], scopes: list[str]) -> None:
    assert list(scopes_for(MICROSOFT, protocol, host, **more)) == [*scopes, "offline_access"]


@pytest.mark.req("S1-12", "S4-12")
def test_an_application_by_itself_asks_for_everything_it_was_given() -> None:
    scopes = scopes_for(MICROSOFT, "imap", "outlook.office365.com", by_itself=True)

    assert scopes == ("https://outlook.office365.com/.default",)


@pytest.mark.req("S4-12")
def test_google_is_known_by_its_mail_server() -> None:
    google = server(auth=OAUTH, connection={"host": "imap.gmail.com"}, oauth={"client_id": "app"})

    application = Application.of(google, "reading")

    assert application.scopes == ("https://mail.google.com/", "openid", "email")
    assert application.authorization_url.startswith("https://accounts.google.com/")
    assert application.token_url == "https://oauth2.googleapis.com/token"
    assert application.provider == "Google"


def test_one_sign_in_serves_reading_and_sending() -> None:
    application = Application.of(server(), "sending")

    assert application.purpose == "reading"
    assert application.scopes == (
        "https://outlook.office365.com/IMAP.AccessAsUser.All",
        "offline_access",
        "https://outlook.office365.com/SMTP.Send",
    )


def test_services_apart_are_signed_in_to_apart() -> None:
    mixed = server(protocol="graph", connection={"endpoint": "https://graph.microsoft.com"})

    assert Application.of(mixed, "sending").purpose == "sending"
    assert Application.of(mixed, "sending").scopes == ("https://outlook.office365.com/SMTP.Send", "offline_access")


def test_an_application_of_its_own_for_sending() -> None:
    own = server(
        sending_oauth={"tenant": TENANT, "client_id": "other"}, secrets=Secrets({"sending-oauth.client_secret": "s"})
    )

    application = Application.of(own, "sending")

    assert (application.purpose, application.client_id, application.client_secret) == ("sending", "other", "s")


@pytest.mark.parametrize(("missing", "field"), [("tenant", "oauth-tenant"), ("client_id", "oauth-client_id")])
def test_what_is_missing_is_named(missing: str, field: str) -> None:
    complete = {"tenant": TENANT, "client_id": "app"}

    with pytest.raises(SignInFailed) as raised:
        Application.of(server(oauth={**complete, missing: ""}), "reading")

    assert (raised.value.field, raised.value.permanent) == (field, True)


def test_where_a_password_is_used_nobody_signs_in() -> None:
    with pytest.raises(SignInFailed, match="For reading mail a password is used"):
        Application.of(server(auth="password"), "reading")


@pytest.mark.req("SE-02")
def test_an_application_shows_no_secret() -> None:
    assert "hush" not in repr(Application.of(server(), "reading"))


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"tenant": TENANT}, []),
        ({"tenant": "example.onmicrosoft.com"}, []),
        ({"tenant": "common"}, []),
        ({"tenant": "my company"}, ["tenant"]),
        ({"token_url": "http://login.example/token"}, ["token_url"]),
        ({"token_url": "https://user@login.example/token"}, ["token_url"]),
        ({"authority": "login.microsoftonline.com"}, ["authority"]),
        ({"secret_expires": "21.11.2026"}, ["secret_expires"]),
        ({"secret_expires": "2027-11-21"}, []),
    ],
)
@pytest.mark.req("S1-07", "OA-06")
def test_what_may_be_typed(values: dict[str, str], fields: list[str]) -> None:
    assert [field for field, _ in problems(MICROSOFT, values)] == fields


# --- Clouds -------------------------------------------------------------------------------------


def in_cloud(cloud: Any, protocol: str) -> MailServer:
    """All five places filled in."""
    base = f"https://{cloud.login}/{TENANT}/oauth2/v2.0"
    places = {
        "imap": {"host": cloud.mail},
        "ews": {"url": f"https://{cloud.mail}/EWS/Exchange.asmx"},
        "graph": {"endpoint": f"https://{cloud.graph}"},
    }
    place = places[protocol]
    oauth = {
        "tenant": TENANT,
        "client_id": "app",
        "authority": f"https://{cloud.login}",
        "authorization_url": f"{base}/authorize",
        "token_url": f"{base}/token",
        "scopes": list(scopes_for(MICROSOFT, protocol, cloud.graph if protocol == "graph" else cloud.mail)),
    }
    return server(protocol=protocol, connection=place, oauth=oauth, sending_auth="password", sending={})


CLOUD_AND_PROTOCOL = [(cloud, protocol) for cloud in CLOUDS for protocol in ("imap", "ews", "graph")]


@pytest.mark.parametrize(("cloud", "protocol"), CLOUD_AND_PROTOCOL, ids=lambda each: str(getattr(each, "key", each)))
@pytest.mark.req("S4-14", "W23")
def test_a_preset_never_contradicts_itself(cloud: Any, protocol: str) -> None:
    whole = in_cloud(cloud, protocol)

    assert contradictions(whole) == []
    assert corrected(whole) == {}


FIVE = [
    ("connection", "host", "outlook.office365.com", "host"),
    ("oauth", "authority", "https://login.microsoftonline.com", "oauth-authority"),
    ("oauth", "authorization_url", f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize", "oauth-authorization_url"),
    ("oauth", "token_url", f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", "oauth-token_url"),
    ("oauth", "scopes", ["https://outlook.office365.com/IMAP.AccessAsUser.All", "offline_access"], "oauth-scopes"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "name", "value", "field"), FIVE, ids=[each[3] for each in FIVE])
@pytest.mark.parametrize("cloud", CLOUDS[1:], ids=lambda cloud: cloud.key)
@pytest.mark.req("S4-14", "W23")
def test_each_of_the_five_places_is_found_and_put_right(
    cloud: Any, column: str, name: str, value: Any, field: str
) -> None:
    whole = in_cloud(cloud, "imap")
    before = {**getattr(whole, column)}
    getattr(whole, column)[name] = value

    assert both_ways(contradictions(whole)) == [field]
    assert corrected(whole) == {column: before}


@pytest.mark.req("S4-14")
def test_only_the_host_was_changed_to_the_governments(db: None) -> None:
    half = server(connection={"host": "outlook.office365.us"}, sending_auth="password", sending={})

    assert both_ways(contradictions(half)) == ["oauth-authority"]
    assert corrected(half)["oauth"]["authority"] == "https://login.microsoftonline.us"


@pytest.mark.req("S1-13", "W23")
def test_the_first_version_of_an_endpoint_with_scopes_of_the_second() -> None:
    url = f"https://login.microsoftonline.com/{TENANT}/oauth2/token"
    oauth = {
        "tenant": TENANT,
        "client_id": "app",
        "token_url": url,
        "scopes": ["https://outlook.office365.com/.default"],
    }
    old = server(oauth=oauth)

    assert both_ways(contradictions(old)) == ["oauth-token_url"]
    assert corrected(old)["oauth"]["token_url"] == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"


@pytest.mark.req("W23")
def test_an_application_by_itself_with_a_persons_scope() -> None:
    scope = "https://outlook.office365.com/IMAP.AccessAsUser.All"
    odd = server(oauth={"tenant": TENANT, "client_id": "app", "grant": "application", "scopes": [scope]})

    assert both_ways(contradictions(odd)) == ["oauth-scopes"]
    assert corrected(odd)["oauth"]["scopes"] == ["https://outlook.office365.com/.default"]


@pytest.mark.req("S4-22")
def test_one_client_for_reading_and_sending_is_warned_of() -> None:
    graph = {"protocol": "graph", "connection": {"endpoint": "https://graph.microsoft.com"}}
    same = server(**graph, sending_protocol="graph", sending={"endpoint": "https://graph.microsoft.com"})

    assert both_ways(contradictions(same)) == ["sending-oauth-client_id"]
    same.sending_oauth = {"tenant": TENANT, "client_id": "other"}
    assert contradictions(same) == []
