"""What well-known mail providers want: servers, ports, encryption, and how to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ENCRYPTIONS: Final = {"tls": "TLS", "starttls": "STARTTLS", "none": "no encryption"}

#: Protocol → encryption → the port that belongs to it (RFC 8314 and the registered ones).
USUAL_PORTS: Final[Mapping[str, Mapping[str, int]]] = {
    "imap": {"tls": 993, "starttls": 143, "none": 143},
    "pop3": {"tls": 995, "starttls": 110, "none": 110},
    "smtp": {"starttls": 587, "tls": 465, "none": 25},
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    encryption: str


@dataclass(frozen=True, slots=True)
class Provider:
    """`servers`: protocol → where it is. `hosts` and `domains` end with these words. `scopes` are what an OAuth
    sign-in for reading and sending has to ask for; empty: not known, or none offered.
    """

    key: str
    label: str
    servers: Mapping[str, Endpoint]
    note: str
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    refuses_passwords: str = ""


def _servers(imap: str, smtp: str, smtp_encryption: str, *, pop3: str | None = None) -> Mapping[str, Endpoint]:
    """Without a `pop3` the provider has none."""
    servers = {"imap": Endpoint(imap, "tls"), "smtp": Endpoint(smtp, smtp_encryption)}
    return servers if pop3 is None else {**servers, "pop3": Endpoint(pop3, "tls")}


_NO_PASSWORDS = (
    "Microsoft 365 has let nobody in with a password since 2023: it calls this basic authentication, and it is not "
    "supported any more."
)
_MICROSOFT_NOTE = (
    "Sign in with OAuth. Sending with a password works only where your Microsoft administrator has allowed "
    "authenticated SMTP for this mailbox."
)
USE_OAUTH: Final = "Sign in with OAuth, or have the mails forwarded to a mailbox elsewhere."

OTHER: Final = "other"
PROVIDERS: Final = (
    Provider(
        OTHER,
        "Another mail server",
        _servers("", "", "starttls", pop3=""),
        "Ask whoever runs it for the server's name; it often looks like imap.example.com and smtp.example.com.",
    ),
    Provider(
        "microsoft",
        "Microsoft 365 or Outlook",
        _servers("outlook.office365.com", "smtp.office365.com", "starttls", pop3="outlook.office365.com"),
        _MICROSOFT_NOTE,
        ("office365.com", "outlook.com", "partner.outlook.cn"),
        ("outlook.com", "hotmail.com", "live.com", "msn.com", "onmicrosoft.com"),
        (
            "https://outlook.office.com/IMAP.AccessAsUser.All",
            "https://outlook.office.com/SMTP.Send",
            "offline_access",
        ),
        _NO_PASSWORDS,
    ),
    Provider(
        "microsoft-us",
        "Microsoft 365 for the US government (GCC High)",
        _servers("outlook.office365.us", "smtp.office365.us", "starttls", pop3="outlook.office365.us"),
        _MICROSOFT_NOTE,
        ("office365.us",),
        (),
        (
            "https://outlook.office365.us/IMAP.AccessAsUser.All",
            "https://outlook.office365.us/SMTP.Send",
            "offline_access",
        ),
        _NO_PASSWORDS,
    ),
    Provider(
        "gmail",
        "Gmail or Google Workspace",
        _servers("imap.gmail.com", "smtp.gmail.com", "starttls", pop3="pop.gmail.com"),
        "Google refuses the account's own password. Switch on 2-Step Verification, make an app password in the "
        "Google account, and enter that.",
        ("gmail.com", "googlemail.com"),
        ("gmail.com", "googlemail.com"),
        ("https://mail.google.com/",),
    ),
    Provider(
        "yahoo",
        "Yahoo Mail",
        _servers("imap.mail.yahoo.com", "smtp.mail.yahoo.com", "tls", pop3="pop.mail.yahoo.com"),
        "Yahoo refuses the account's own password. Make an app password under Account security, and enter that.",
        ("mail.yahoo.com",),
        ("yahoo.com", "ymail.com", "rocketmail.com"),
    ),
    Provider(
        "zoho",
        "Zoho Mail",
        _servers("imap.zoho.com", "smtp.zoho.com", "tls", pop3="pop.zoho.com"),
        "Switch on IMAP access in Zoho first. With a domain of your own the servers are imappro.zoho.com and "
        "smtppro.zoho.com; outside the USA they end in the region, such as zoho.eu. With two-factor sign-in it wants "
        "an app password.",
        ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zoho.com.cn", "zohocloud.ca", "zoho.sa"),
        ("zoho.com", "zohomail.com", "zohomail.eu"),
    ),
    Provider(
        "icloud",
        "iCloud Mail",
        _servers("imap.mail.me.com", "smtp.mail.me.com", "starttls"),
        "Apple refuses the account's own password. Make an app-specific password in the Apple account, and enter that.",
        ("mail.me.com",),
        ("icloud.com", "me.com", "mac.com"),
    ),
    Provider(
        "fastmail",
        "Fastmail",
        _servers("imap.fastmail.com", "smtp.fastmail.com", "tls", pop3="pop.fastmail.com"),
        "Fastmail refuses the account's own password. Make an app password under Privacy & Security, and enter that.",
        ("fastmail.com",),
        ("fastmail.com", "fastmail.fm"),
        (
            "https://www.fastmail.com/dev/protocol-imap",
            "https://www.fastmail.com/dev/protocol-smtp",
            "offline_access",
        ),
    ),
)
BY_KEY: Final = {provider.key: provider for provider in PROVIDERS}


def of_host(host: str) -> Provider | None:
    return next((each for each in PROVIDERS if _below(host, each.hosts)), None)


def of_address(address: str) -> Provider | None:
    return next((each for each in PROVIDERS if _below(address.rpartition("@")[2], each.domains)), None)


def usual_encryption(protocol: str) -> str:
    return next(iter(USUAL_PORTS.get(protocol, ())), "")


def usual_port(protocol: str, encryption: str) -> int | None:
    return USUAL_PORTS.get(protocol, {}).get(encryption)


def encryption_of(protocol: str, port: int) -> tuple[str, ...]:
    """The encryptions this port usually belongs to; none when it is nobody's."""
    return tuple(each for each, usual in USUAL_PORTS.get(protocol, {}).items() if usual == port)


def _below(name: str, ends: tuple[str, ...]) -> bool:
    name = name.strip().lower().rstrip(".")
    return any(name == end or name.endswith(f".{end}") for end in ends)
