"""The settings of an application that signs in for us, and what it has to ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.services import providers
from mailchannel.services.sign_in.clouds import WORLD, cloud_of, clouds_of

MICROSOFT, OAUTH = "oauth_microsoft", "oauth"
PERSON, APPLICATION = "person", "application"
#: In front of the names of an application's secrets in the encrypted column.
READING_VAULT, SENDING_VAULT = "oauth.", "sending-oauth."
#: A client secret was given for these: when any of them changes it has to be given again.
ADDRESSING: Final = ("tenant", "client_id", "grant", "authority", "authorization_url", "token_url")

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}", re.I)
#: Tenants that stand for many.
SHARED_TENANTS: Final = ("common", "organizations", "consumers")

_CLIENT_ID = FieldSpec("client_id", "Client ID", help="Of the application registered at the provider.", required=True)
_CLIENT_SECRET = FieldSpec(
    "client_secret",
    "Client secret",
    Kind.SECRET,
    help="The secret's value, not its ID. Some applications have none.",
)
_GRANT = FieldSpec(
    "grant",
    "Who signs in",
    Kind.CHOICE,
    help="The application by itself: an administrator of the provider has to allow it for the mailbox.",
    default=PERSON,
    choices=((PERSON, "A person, once"), (APPLICATION, "The application by itself")),
)
_REST = (
    FieldSpec(
        "scopes", "Scope", Kind.LINES, help="One a line. Left empty: what reading and sending mail need.", default=[]
    ),
    FieldSpec(
        "refresh_token",
        "Refresh token",
        Kind.SECRET,
        help="Only if you got one elsewhere. Signing in on this page needs none.",
    ),
    FieldSpec(
        "secret_expires",
        "Client secret ends on",
        help="You are told 30, 7 and 1 days before.",
    ),
)
SPECS: Final[Mapping[str, tuple[FieldSpec, ...]]] = {
    MICROSOFT: (
        FieldSpec(
            "tenant",
            "Tenant ID",
            help="Of your organisation, like 00000000-0000-0000-0000-000000000000 or example.onmicrosoft.com.",
            required=True,
        ),
        _CLIENT_ID,
        _CLIENT_SECRET,
        _GRANT,
        FieldSpec(
            "authority",
            "Authority URL",
            help="Where your cloud signs in. For GCC High it ends in .us.",
            default=f"https://{WORLD.login}",
        ),
        FieldSpec("authorization_url", "Authorization URL", help="Left empty: the authority's own."),
        FieldSpec("token_url", "Token URL", help="Left empty: the authority's own."),
        *_REST,
    ),
    OAUTH: (
        _CLIENT_ID,
        _CLIENT_SECRET,
        _GRANT,
        FieldSpec("authorization_url", "Authorization URL", help="Left empty for Google: its own."),
        FieldSpec("token_url", "Token URL", help="Left empty for Google: its own."),
        *_REST,
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization_url: str
    token_url: str


GOOGLE: Final = Endpoints("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token")

_PER_PROTOCOL: Final = {
    "imap": "IMAP.AccessAsUser.All",
    "pop3": "POP.AccessAsUser.All",
    "ews": "EWS.AccessAsUser.All",
    "smtp": "SMTP.Send",
}


def specs_of(auth: str) -> tuple[FieldSpec, ...]:
    """None where a password is used."""
    return SPECS.get(auth, ())


def endpoints_for(host: str) -> Endpoints | None:
    """Where a provider we know by its mail server signs people in."""
    provider = providers.of_host(host)
    return GOOGLE if provider and provider.key == "gmail" else None


def scopes_for(
    auth: str, protocol: str, host: str, *, sending: bool = False, by_itself: bool = False, shared: bool = False
) -> tuple[str, ...]:
    """What to ask for so that mail can be read, or sent, at `host` by `protocol`. Empty: we do not know.

    `by_itself`: no person signs in. `shared`: the mailbox belongs to several people.
    """
    if auth == MICROSOFT:
        return _of_microsoft(protocol, host, sending=sending, by_itself=by_itself, shared=shared)
    provider = providers.of_host(host)
    if provider is None or not provider.scopes or clouds_of(host):
        return ()
    return (*provider.scopes, "openid", "email") if provider.key == "gmail" else provider.scopes


def resource_of(scope: str) -> str:
    """Whose service a scope is about; empty for one about the sign-in itself."""
    where = urlsplit(scope)
    return f"{where.scheme}://{where.netloc}" if where.netloc else ""


def problems(auth: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field → what is wrong with what was typed there. Empty fields are not judged."""
    tenant = str(values.get("tenant") or "").strip()
    if auth == MICROSOFT and tenant and not _is_tenant(tenant):
        yield "tenant", "This is neither a GUID like 00000000-0000-0000-0000-000000000000 nor a domain of Microsoft's."
    for name in ("authority", "authorization_url", "token_url"):
        url = str(values.get(name) or "").strip()
        if url and not is_https(url):
            yield name, "Enter the whole address, beginning with https://."
    if (ends := str(values.get("secret_expires") or "").strip()) and day(ends) is None:
        yield "secret_expires", "Enter the date as YYYY-MM-DD."


def is_https(url: str) -> bool:
    try:
        where = urlsplit(url)
    except ValueError:
        return False
    return where.scheme == "https" and bool(where.hostname) and not where.username and not where.fragment


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _of_microsoft(protocol: str, host: str, *, sending: bool, by_itself: bool, shared: bool) -> tuple[str, ...]:
    cloud = cloud_of(host)
    if protocol == "graph":
        resource, right = f"https://{cloud.graph}", "Mail.Send" if sending else "Mail.ReadWrite"
        right += ".Shared" if shared else ""
    else:
        own = protocol == "ews" and host and not clouds_of(host)  # Exchange in somebody's own house
        resource, right = f"https://{host if own else cloud.mail}", _PER_PROTOCOL.get(protocol, ".default")
    return (f"{resource}/.default",) if by_itself else (f"{resource}/{right}", "offline_access")


def _is_tenant(text: str) -> bool:
    return text.lower() in SHARED_TENANTS or bool(GUID.fullmatch(text) or DOMAIN.fullmatch(text))
