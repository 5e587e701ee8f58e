"""What the wizard fills in for well-known providers."""

from __future__ import annotations

import pytest

from mailchannel.services import providers
from mailchannel.services.providers import BY_KEY, PROVIDERS

TABLE = {
    "microsoft": ("outlook.office365.com", "smtp.office365.com", "starttls"),
    "microsoft-us": ("outlook.office365.us", "smtp.office365.us", "starttls"),
    "gmail": ("imap.gmail.com", "smtp.gmail.com", "starttls"),
    "yahoo": ("imap.mail.yahoo.com", "smtp.mail.yahoo.com", "tls"),
    "zoho": ("imap.zoho.com", "smtp.zoho.com", "tls"),
    "icloud": ("imap.mail.me.com", "smtp.mail.me.com", "starttls"),
    "fastmail": ("imap.fastmail.com", "smtp.fastmail.com", "tls"),
    "other": ("", "", "starttls"),
}


@pytest.mark.req("S2-12")
def test_every_provider_has_servers_for_both_ways() -> None:
    seen = {
        each.key: (each.servers["imap"].host, each.servers["smtp"].host, each.servers["smtp"].encryption)
        for each in PROVIDERS
    }

    assert seen == TABLE
    assert {each.servers["imap"].encryption for each in PROVIDERS} == {"tls"}


@pytest.mark.req("S2-12", "S4-02")
def test_those_that_offer_pop3_have_a_server_for_it() -> None:
    seen = {each.key: each.servers["pop3"].host for each in PROVIDERS if "pop3" in each.servers}

    assert seen == {
        "microsoft": "outlook.office365.com",
        "microsoft-us": "outlook.office365.us",
        "gmail": "pop.gmail.com",
        "yahoo": "pop.mail.yahoo.com",
        "zoho": "pop.zoho.com",
        "fastmail": "pop.fastmail.com",
        "other": "",
    }


@pytest.mark.req("S0-14", "S1-05", "S2-11", "S3-11", "S4-10")
@pytest.mark.parametrize(
    ("protocol", "encryption", "port"),
    [
        ("imap", "tls", 993),
        ("imap", "starttls", 143),
        ("imap", "none", 143),
        ("pop3", "tls", 995),
        ("pop3", "starttls", 110),
        ("pop3", "none", 110),
        ("smtp", "tls", 465),
        ("smtp", "starttls", 587),
        ("smtp", "none", 25),
        ("pigeon", "tls", None),
        ("imap", "rot13", None),
    ],
)
def test_a_port_belongs_to_protocol_and_encryption(protocol: str, encryption: str, port: int | None) -> None:
    assert providers.usual_port(protocol, encryption) == port
    assert port is None or encryption in providers.encryption_of(protocol, port)


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("outlook.office365.com", "microsoft"),
        ("Outlook.Office365.COM.", "microsoft"),
        ("imap-mail.outlook.com", "microsoft"),
        ("outlook.office365.us", "microsoft-us"),
        ("imap.gmail.com", "gmail"),
        ("imappro.zoho.eu", "zoho"),
        ("notgmail.com", None),
        ("gmail.com.example.net", None),
        ("mail.example.com", None),
        ("", None),
    ],
)
def test_a_host_tells_its_provider(host: str, key: str | None) -> None:
    assert providers.of_host(host) == (BY_KEY[key] if key else None)


@pytest.mark.parametrize(
    ("address", "key"),
    [("help@gmail.com", "gmail"), ("help@corp.onmicrosoft.com", "microsoft"), ("help@example.com", None), ("", None)],
)
def test_an_address_tells_its_provider_too(address: str, key: str | None) -> None:
    assert providers.of_address(address) == (BY_KEY[key] if key else None)


@pytest.mark.req("S4-03")
def test_only_microsoft_takes_no_passwords_at_all() -> None:
    refusing = {each.key for each in PROVIDERS if each.refuses_passwords}

    assert refusing == {"microsoft", "microsoft-us"}
    assert all("2023" in BY_KEY[key].refuses_passwords for key in refusing)


@pytest.mark.parametrize("key", ["gmail", "yahoo", "icloud", "fastmail", "zoho"])
def test_those_that_want_a_password_for_programs_say_so(key: str) -> None:
    assert "app password" in BY_KEY[key].note or "app-specific password" in BY_KEY[key].note


@pytest.mark.parametrize(
    ("key", "scopes"),
    [
        (
            "microsoft",
            {
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "https://outlook.office.com/SMTP.Send",
                "offline_access",
            },
        ),
        (
            "microsoft-us",
            {
                "https://outlook.office365.us/IMAP.AccessAsUser.All",
                "https://outlook.office365.us/SMTP.Send",
                "offline_access",
            },
        ),
        ("gmail", {"https://mail.google.com/"}),
        ("other", set()),
    ],
)
def test_scopes_belong_to_the_provider(key: str, scopes: set[str]) -> None:
    assert set(BY_KEY[key].scopes) == scopes
