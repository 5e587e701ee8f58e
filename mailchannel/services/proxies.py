"""Proxies, configured once and chosen per mail server: what may be entered, who uses them, and who changed what."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from copy import copy
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import MailServer, Proxy
from mailchannel.models.secrets import Secrets, SecretUnreadable
from mailchannel.network.guard import GuardError
from mailchannel.network.proxy import LONGEST_CREDENTIAL
from mailchannel.services import audit, providers, validation
from mailchannel.services.audit import Person
from mailchannel.services.ways import provider_way
from mailchannel.transports import TRANSPORTS

PASSWORD: Final = "password"  # noqa: S105 - the name of a setting
#: What a settings file says of a proxy, besides its password.
PROXY_SPECS: Final = (
    FieldSpec("name", "Name", required=True),
    FieldSpec("kind", "Kind", Kind.CHOICE, choices=tuple(Proxy.Kind.choices), default=Proxy.Kind.HTTP.value),
    FieldSpec("host", "Host", required=True),
    FieldSpec("port", "Port", Kind.INTEGER, default=3128, minimum=1, maximum=65_535),
    FieldSpec("username", "User name"),
)
#: A stored password was given for one proxy and one account: when any of these changes it has to be given again.
ADDRESSING: Final = ("kind", "host", "port", "username")
TRY_SECONDS: Final = 10.0
HTTPS: Final = 443
_INSIDE: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
TYPE_AGAIN: Final = (
    "Type it again: kind, host, port or user name changed, and a stored password is never sent somewhere else."
)


def problems(values: Mapping[str, Any], password: str) -> dict[str, str]:
    """Setting → why it cannot be stored like this; for values each of which is right by itself."""
    found: dict[str, str] = {}
    username = str(values.get("username") or "")
    if password and not username:
        found["username"] = "A password goes with a user name. Enter both, or neither."
    if values.get("kind") == Proxy.Kind.HTTP and ":" in username:
        found["username"] = "An HTTP proxy cannot take a user name with a colon."
    if values.get("kind") == Proxy.Kind.SOCKS5:
        for name, value in (("username", username), (PASSWORD, password)):
            if len(value.encode()) > LONGEST_CREDENTIAL:
                found[name] = f"SOCKS5 has room for {LONGEST_CREDENTIAL} bytes."
    if any(ord(character) < 32 or ord(character) == 127 for character in password):
        found[PASSWORD] = "Remove the invisible characters (line breaks, tabs) from this value."
    return found


def needs_it_again(stored: Proxy, after: Mapping[str, Any]) -> bool:
    """Another proxy or account than the stored password was given for."""
    return _password(stored) != "" and any(getattr(stored, name) != after[name] for name in ADDRESSING)


def values(proxy: Proxy) -> dict[str, Any]:
    """As a settings file has them; without the password."""
    return {spec.name: getattr(proxy, spec.name) for spec in PROXY_SPECS}


@transaction.atomic
def save(proxy: Proxy, password: str | None, *, by: Person | None) -> None:
    """Stores it and writes down what changed; nothing where nothing did. `password` None keeps the one that is stored,
    also one that no key opens. Nobody signs in with a password alone: without a user name there is none.

    Raises ValidationError where a password somebody has stored meanwhile would go somewhere else.
    """
    stored = Proxy.objects.select_for_update().get(pk=proxy.pk) if proxy.pk else None
    if not proxy.username:
        password = ""
    if stored and password is None and needs_it_again(stored, values(proxy)):
        raise ValidationError({PASSWORD: TYPE_AGAIN})
    said = audit.differences(PROXY_SPECS, values(stored), values(proxy)) if stored else []
    columns = [spec.name for spec in PROXY_SPECS]
    if password is not None and password != _password(stored):
        proxy.secrets = Secrets({PASSWORD: password} if password else {})
        columns.append("secrets")
        said.append(f"{PASSWORD}: changed")
    if stored is None:
        proxy.save()
        audit.record(proxy, by=by, message=f"Added: {summary(proxy)}.", added=True)
    elif said:
        proxy.save(update_fields=columns)
        audit.record(proxy, by=by, message=audit.listed(said))


def configure(says: Mapping[str, Any], password: str | None, *, by: Person | None) -> Proxy:
    """Makes the proxy of that name what a settings file says of it; what the file does not mention stays as it is.
    Raises ValidationError, whose messages lie under the settings they are about.
    """
    proxy = Proxy.objects.filter(name=says["name"]).first() or Proxy()
    before = copy(proxy)
    for spec in PROXY_SPECS:
        if spec.name in says:
            setattr(proxy, spec.name, spec.default if says[spec.name] is None else says[spec.name])
    wrong = {} if proxy.host else {"host": "A proxy needs a host."}
    wrong |= problems(values(proxy), password or "")
    if proxy.username and password is None and needs_it_again(before, values(proxy)):
        wrong[PASSWORD] = TYPE_AGAIN
    if wrong:
        raise ValidationError(wrong)
    save(proxy, password, by=by)
    return proxy


def summary(proxy: Proxy) -> str:
    account = f", signing in as {proxy.username}" if proxy.username else ""
    return f"{proxy.get_kind_display()} at {proxy.host}, port {proxy.port}{account}"


def used_by(proxy: Proxy) -> list[str]:
    """Names of the mail servers that go through it, or would once their changes are published."""
    rows = MailServer.everything.filter(proxy=proxy).select_related("draft_of").defer("secrets", "draft_of__secrets")
    return sorted({row.live.name for row in rows}, key=str.lower)


def in_use(proxy: Proxy) -> str:
    """Why it cannot be deleted; empty where it can."""
    names = used_by(proxy)
    if not names:
        return ""
    shown = ", ".join(f"“{name}”" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"“{proxy}” is used by {shown}. Choose another way for them first, then delete it."


def place(server: MailServer) -> tuple[str, int] | None:
    """Host and port its mail is read from; None where it is brought to us, or nobody has said yet."""
    settings = with_defaults(TRANSPORTS[server.protocol].fields, server.connection)
    try:
        url = urlsplit(str(settings.get("url") or settings.get("endpoint") or ""))
        name, port = str(settings.get("host") or url.hostname or ""), settings.get("port") or url.port
    except ValueError:  # no URL at all
        return None
    usual = providers.usual_port(server.protocol, str(settings.get("encryption", "")))
    return (name, int(port or usual or HTTPS)) if name else None


def try_out(proxy: Proxy, server: MailServer) -> tuple[bool, str]:
    """Whether the stored proxy lets us through to a mail server, and what there is to say about it. Nobody signs in."""
    where = place(server)
    if where is None:
        return False, f"Mail for “{server}” is brought to us, so there is nothing to connect to."
    try:
        tried = copy(server)
        tried.proxy = proxy
        way = provider_way(tried).within(TRY_SECONDS)
        started = time.monotonic()
        way.dial(way.resolve(*where), way.timeout).close()
    except (OSError, GuardError, SecretUnreadable) as error:
        return False, str(error)
    took = time.monotonic() - started
    return True, f"“{proxy}” let us through to {where[0]}, port {where[1]}, within {took:.1f} s."


def host(text: str) -> str:
    """As a mail server's, and besides a name inside one's own network, without a dot. Raises ValidationError."""
    given = text.strip().lower().rstrip(".")
    return given if _INSIDE.fullmatch(given) else validation.host(given)


def _password(stored: Proxy | None) -> str | None:
    """None for one that no key opens."""
    try:
        return stored.secrets.get(PASSWORD, "") if stored else ""
    except SecretUnreadable:
        return None
