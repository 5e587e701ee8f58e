"""How a mail server is reached with its stored settings, for reading and for sending."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from mailchannel.models import MailServer, SignIn
from mailchannel.models import Proxy as StoredProxy
from mailchannel.network.proxy import Proxy, ProxyKind
from mailchannel.network.way import SignInFailed, Way
from mailchannel.services.sign_in.application import by_token
from mailchannel.services.sign_in.tokens import TokenSource


def reading_way(server: MailServer, timeout: float | None = None) -> Way:
    """`timeout` in seconds replaces the mail server's own. Raises SecretUnreadable."""
    return _with_token(server, SignIn.Purpose.READING, provider_way(server, timeout))


def sending_way(server: MailServer, timeout: float | None = None) -> Way:
    """Raises SecretUnreadable."""
    return _with_token(server, SignIn.Purpose.SENDING, provider_way(server, timeout))


def provider_way(server: MailServer, timeout: float | None = None) -> Way:
    """The way to the identity provider: the same, without a token. Raises SecretUnreadable."""
    return Way(
        timeout=server.timeout_ms / 1000 if timeout is None else timeout,
        allow_private=settings.ALLOW_PRIVATE_HOSTS,
        proxy=_proxy(server.proxy) if server.proxy else None,
        authorities=server.authorities,
        verify=server.verify_certificate,
    )


def asked_now(way: Way) -> Way:
    """The same with its token at hand, for jobs that must not touch the database. A refusal comes out where the token
    is used."""
    if way.token is None:
        return way
    try:
        token = way.token()
    except SignInFailed as error:
        refusal = error
        return replace(way, token=lambda: _raise(refusal))
    return replace(way, token=lambda: token)


def _raise(error: SignInFailed) -> str:
    raise SignInFailed(str(error), field=error.field, permanent=error.permanent)


def _with_token(server: MailServer, purpose: str, way: Way) -> Way:
    return replace(way, token=TokenSource(server, purpose, way)) if by_token(server, purpose) else way


def _proxy(stored: StoredProxy) -> Proxy:
    password = stored.secrets.get("password", "")
    return Proxy(ProxyKind(stored.kind), stored.host, stored.port, stored.username, password)
