"""The application a mail server signs in with, put together from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer, SignIn
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.network.way import SignInFailed
from mailchannel.senders import SENDERS
from mailchannel.services.sign_in.clouds import host_of
from mailchannel.services.sign_in.consistency import PLACES
from mailchannel.services.sign_in.specs import (
    APPLICATION,
    MICROSOFT,
    READING_VAULT,
    SENDING_VAULT,
    endpoints_for,
    resource_of,
    scopes_for,
    specs_of,
)
from mailchannel.services.vault import addressing
from mailchannel.transports import TRANSPORTS

Purpose = SignIn.Purpose
PREFIX = "oauth-"  # of the names of these settings in forms


@dataclass(frozen=True, slots=True)
class Application:
    """`purpose` names the row its tokens lie in: one sign-in often serves reading and sending.

    `account` is whom we expect to sign in, `accounts` all that are right. `places` say where its tokens are shown,
    `trust` who can read along besides those servers.
    """

    auth: str
    purpose: Purpose
    client_id: str
    client_secret: str = field(repr=False)
    by_itself: bool
    authority: str
    authorization_url: str
    token_url: str
    scopes: tuple[str, ...]
    account: str
    accounts: frozenset[str]
    places: tuple[str, ...]
    trust: tuple[str, ...]
    pasted: str = field(repr=False)

    @classmethod
    def of(cls, server: MailServer, purpose: str) -> Self:
        """Raises SignInFailed where the settings are not complete."""
        try:
            return cls._of(server, Purpose(purpose))
        except SecretUnreadable as error:
            raise SignInFailed(str(error), field="oauth-client_secret", permanent=True) from error

    @property
    def fingerprint(self) -> str:
        """Tokens were given to this application for this account: when it changes they are worth nothing any more, and
        must not be sent to where the new settings point."""
        where = (self.auth, self.client_id, self.authority, self.authorization_url, self.token_url, self.account)
        pasted = sha256(self.pasted.encode()).hexdigest()
        parts = (*where, str(self.by_itself), *sorted(self.scopes), *self.places, *self.trust, pasted)
        return sha256("\n".join(parts).encode()).hexdigest()

    @property
    def provider(self) -> str:
        """A name for people."""
        if self.auth == MICROSOFT:
            return "Microsoft"
        host = host_of(self.authorization_url or self.token_url)
        return "Google" if host.endswith((".google.com", ".googleapis.com")) else host

    def failed(self, text: str, name: str = "", *, permanent: bool = False) -> SignInFailed:
        """`name` is that of the setting to look at; what is about sending is marked by whoever knows."""
        return SignInFailed(text, field=f"{PREFIX}{name}" if name else "", permanent=permanent)

    @classmethod
    def _of(cls, server: MailServer, purpose: Purpose) -> Self:
        auth = auth_of(server, purpose)
        if not by_token(server, purpose):
            raise SignInFailed(f"For {purpose.label} a password is used; there is nobody to sign in.", permanent=True)
        own = purpose == Purpose.SENDING and _has_own(server)
        vault = SENDING_VAULT if own else READING_VAULT
        stored = with_defaults(specs_of(auth), server.sending_oauth if own else server.oauth)
        account = _account(server, purpose)
        shares = _shares(server)
        served = tuple(Purpose) if shares else (purpose,)
        urls = _urls(auth, stored, _host(server, purpose))
        made = cls(
            auth=auth,
            purpose=Purpose.READING if purpose == Purpose.READING or shares else Purpose.SENDING,
            client_id=str(stored.get("client_id", "")).strip(),
            client_secret=server.secrets.get(f"{vault}client_secret", ""),
            by_itself=stored.get("grant") == APPLICATION,
            authority=_authority(stored) if auth == MICROSOFT else "",
            authorization_url=urls[0],
            token_url=urls[1],
            scopes=_scopes(server, purpose),
            account=account,
            accounts=frozenset(each.casefold() for each in (account, server.address) if each),
            places=tuple(dict.fromkeys(_place(server, each) for each in served)),
            trust=_trust(server),
            pasted=server.secrets.get(f"{vault}refresh_token", ""),
        )
        made._check(str(stored.get("tenant", "")))
        return made

    def _check(self, tenant: str) -> None:
        missing = ""
        if not self.client_id:
            missing = "client_id"
        elif self.auth == MICROSOFT and not tenant.strip() and not self.token_url:
            missing = "tenant"
        elif self.auth != MICROSOFT and not self.token_url:
            missing = "token_url"
        elif self.by_itself and not self.client_secret:
            missing = "client_secret"
        if missing:
            label = next(spec.label for spec in specs_of(self.auth) if spec.name == missing)
            raise self.failed(f"{label} is missing: without it we cannot sign in.", missing, permanent=True)


def _trust(server: MailServer) -> tuple[str, ...]:
    """Nobody, where all is encrypted and certificates are checked as usual."""
    checked = server.verify_certificate
    plain = "none" in (server.connection.get("encryption"), server.sending.get("encryption"))
    proxy = (f"proxy {server.proxy_id}",) if plain or not checked else ()
    authorities = (server.authorities,) if checked and server.authorities else ()
    return (*proxy, *authorities, *(() if checked else ("unchecked",)))


def auth_of(server: MailServer, purpose: str) -> str:
    return server.sending_auth if purpose == Purpose.SENDING else server.auth


def by_token(server: MailServer, purpose: str) -> bool:
    return auth_of(server, purpose) in (MailServer.Auth.MICROSOFT, MailServer.Auth.OAUTH)


def _has_own(server: MailServer) -> bool:
    return bool(server.sending_oauth.get("client_id"))


def _shares(server: MailServer) -> bool:
    """One sign-in serves both: the same application, account and service."""
    if _has_own(server) or server.auth != server.sending_auth:
        return False
    if _account(server, Purpose.READING).casefold() != _account(server, Purpose.SENDING).casefold():
        return False
    wanted = (*_wanted(server, Purpose.READING), *_wanted(server, Purpose.SENDING))
    return server.auth != MICROSOFT or len({resource_of(scope) for scope in wanted} - {""}) == 1


def _scopes(server: MailServer, purpose: Purpose) -> tuple[str, ...]:
    own = purpose == Purpose.SENDING and _has_own(server)
    shares = _shares(server)
    if own or purpose == Purpose.READING or shares:
        typed = (server.sending_oauth if own else server.oauth).get("scopes") or ()
        if typed:
            return tuple(dict.fromkeys(word for line in typed for word in str(line).replace(",", " ").split()))
    if shares:
        return tuple(dict.fromkeys((*_wanted(server, Purpose.READING), *_wanted(server, Purpose.SENDING))))
    return _wanted(server, purpose)


def _wanted(server: MailServer, purpose: Purpose) -> tuple[str, ...]:
    """What this purpose needs, whatever was typed."""
    sending = purpose == Purpose.SENDING
    own = sending and _has_own(server)
    settings = server.sending if sending else server.connection
    return scopes_for(
        auth_of(server, purpose),
        server.sending_protocol if sending else server.protocol,
        _host(server, purpose),
        sending=sending,
        by_itself=(server.sending_oauth if own else server.oauth).get("grant") == APPLICATION,
        shared=bool(settings.get("mailbox")),
    )


def _host(server: MailServer, purpose: Purpose) -> str:
    """Of the mail server, whatever its transport calls that setting."""
    settings = server.sending if purpose == Purpose.SENDING else server.connection
    return next((host_of(str(settings[name])) for name in PLACES if settings.get(name)), "")


def _place(server: MailServer, purpose: Purpose) -> str:
    """The mail server with everything that makes it this one; the account is told apart from it."""
    sending = purpose == Purpose.SENDING
    specs = SENDERS[server.sending_protocol].fields if sending else TRANSPORTS[server.protocol].fields
    settings = with_defaults(specs, server.sending if sending else server.connection)
    return " ".join(str(value) for name, value in addressing(settings).items() if name != "username")


def _account(server: MailServer, purpose: Purpose) -> str:
    settings = server.sending if purpose == Purpose.SENDING else server.connection
    return str(settings.get("username") or server.address).strip()


def _authority(stored: Mapping[str, Any]) -> str:
    """Where the tenant signs in; some people put the tenant into the URL themselves."""
    base, tenant = str(stored["authority"]).strip().rstrip("/"), str(stored["tenant"]).strip()
    return base if base.lower().endswith(f"/{tenant.lower()}") else f"{base}/{tenant}"


def _urls(auth: str, stored: Mapping[str, Any], host: str) -> tuple[str, str]:
    known = endpoints_for(host) if auth != MICROSOFT else None
    typed = (str(stored.get("authorization_url", "")).strip(), str(stored.get("token_url", "")).strip())
    if known is None:
        return typed
    return typed[0] or known.authorization_url, typed[1] or known.token_url
