"""Microsoft runs four clouds that know nothing of each other: each has servers and a sign-in of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cloud:
    """`others` are further hosts of the cloud, each with the one that stands for it in our settings."""

    key: str
    label: str
    login: str
    mail: str
    smtp: str
    graph: str
    others: tuple[tuple[str, str], ...] = ()

    def kinds(self) -> Iterator[tuple[str, str]]:
        """Host → what it is there for."""
        yield from ((self.login, "login"), (self.mail, "mail"), (self.smtp, "smtp"), (self.graph, "graph"))
        yield from self.others

    def host(self, kind: str) -> str:
        return {"login": self.login, "mail": self.mail, "smtp": self.smtp, "graph": self.graph}[kind]


WORLD: Final = Cloud(
    "world",
    "Microsoft 365",
    "login.microsoftonline.com",
    "outlook.office365.com",
    "smtp.office365.com",
    "graph.microsoft.com",
    (("outlook.office.com", "mail"), ("login.windows.net", "login"), ("smtp-mail.outlook.com", "smtp")),
)
CLOUDS: Final = (
    WORLD,
    Cloud(
        "us",
        "Microsoft 365 for the US government (GCC High)",
        "login.microsoftonline.us",
        "outlook.office365.us",
        "smtp.office365.us",
        "graph.microsoft.us",
    ),
    Cloud(
        "dod",
        "Microsoft 365 for the US Department of Defense",
        "login.microsoftonline.us",
        "outlook-dod.office365.us",
        "outlook-dod.office365.us",
        "dod-graph.microsoft.us",
        (("webmail.apps.mil", "mail"),),
    ),
    Cloud(
        "china",
        "Microsoft 365 in China (21Vianet)",
        "login.partner.microsoftonline.cn",
        "partner.outlook.cn",
        "smtp.partner.outlook.cn",
        "microsoftgraph.chinacloudapi.cn",
        (("login.chinacloudapi.cn", "login"), ("login.microsoftonline.cn", "login")),
    ),
)


def host_of(place: str) -> str:
    """Of a URL, a scope or a bare host name; empty for a scope without a host, like `openid`."""
    text = place.strip().lower()
    try:
        return (urlsplit(text).hostname or "") if "://" in text else text if "." in text and "/" not in text else ""
    except ValueError:
        return ""


def clouds_of(host: str) -> tuple[Cloud, ...]:
    """Those the host belongs to; two of them share one sign-in."""
    return tuple(cloud for cloud in CLOUDS if kind_of(host, cloud))


def cloud_of(host: str) -> Cloud:
    """The one mail is kept in; the world's where the host is nobody's."""
    return next(iter(clouds_of(host)), WORLD)


def kind_of(host: str, cloud: Cloud) -> str:
    return next((kind for each, kind in cloud.kinds() if each == host), "")
