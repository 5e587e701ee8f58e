"""A forwarding inbox's address and secret: made, found, changed, taken back.

The address has a part nobody can guess; whoever posts mail by the web has to know the secret as well. Both are valid
until somebody takes them back. While a secret is being changed at the provider the one before it is valid, too.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.text import slugify

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import Alias, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.parsing.addresses import ascii_domain
from mailchannel.services import audit
from mailchannel.services.audit import Person
from mailchannel.services.vault import INBOX
from mailchannel.transports.forwarding import Forwarding

#: Names in the encrypted column.
SECRET: Final = f"{INBOX}secret"
OLD: Final = f"{INBOX}secret_old"
#: What goes before the secret where a user name is asked for. Any other is as good.
USER: Final = "inbox"

_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none that are read as another
_TOKEN: Final = re.compile(rf"[{_LETTERS}]{{24}}")  # 120 bits
_LONGEST_WORDS: Final = 30


def is_inbox(server: MailServer) -> bool:
    return server.protocol == Forwarding.key


def door(server: MailServer) -> str:
    """Who brings the mail."""
    return str(with_defaults(Forwarding.fields, server.connection)["door"])


def refuses_large(server: MailServer) -> bool:
    """Mail that is too large is sent back where the protocol allows it, instead of being listed as failed."""
    return bool(with_defaults(Forwarding.fields, server.connection)["refuse_large"])


# --- Finding ------------------------------------------------------------------------------------


def find(token: str) -> MailServer | None:
    """The published settings count, whatever is being prepared beside them."""
    if not _TOKEN.fullmatch(token):
        return None
    return MailServer.objects.filter(inbox_token=token, protocol=Forwarding.key).first()


def recipient(address: str) -> MailServer | None:
    """Whose address this is: an inbox's own, the one customers write to, or another name of that. With or without a
    sub-address (support+x@…).
    """
    local, at, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0]
    if not at or not local:
        return None
    return find(local.rpartition(".")[2]) or _by_public_address(f"{local}@{ascii_domain(domain) or domain}")


def _by_public_address(address: str) -> MailServer | None:
    """One that takes mail before one that does not. Is there none that does, mail is to come again rather than to be
    sent back for good.
    """
    inboxes = MailServer.objects.filter(protocol=Forwarding.key)
    named = Alias.objects.filter(address=address, server__draft_of=None).values("server")
    found = inboxes.filter(Q(address=address) | Q(pk__in=named)).order_by("pk")
    return min(found, key=lambda each: each.status not in MailServer.LIVE, default=None)


# --- Showing ------------------------------------------------------------------------------------


def inbound_domain() -> str:
    return str(settings.INBOUND_DOMAIN or urlsplit(settings.PUBLIC_URL).hostname or "localhost").lower()


def address(server: MailServer) -> str:
    """Where mail is forwarded to; empty until there is one. The words are for people, only what follows them counts."""
    if not server.inbox_token:
        return ""
    words = slugify(server.name)[:_LONGEST_WORDS].strip("-_") or "inbox"
    return f"{words}.{server.inbox_token}@{inbound_domain()}"


def url(server: MailServer, secret: str = "") -> str:
    """Where mail is posted to; with `secret`, in the one form that every provider takes."""
    if not server.inbox_token:
        return ""
    where = f"/inbound/{door(server)}/{server.inbox_token}/"
    if not secret:
        return f"{settings.PUBLIC_URL}{where}"
    base = urlsplit(settings.PUBLIC_URL)
    return f"{base.scheme}://{USER}:{secret}@{base.netloc}{base.path}{where}"


# --- Secrets ------------------------------------------------------------------------------------


def knows(server: MailServer, given: str) -> bool:
    """Compared in constant time, with every valid secret. Raises SecretUnreadable."""
    valid = [server.secrets.get(name, "") for name in (SECRET, OLD)]
    same = [bool(secret) and constant_time_compare(given, secret) for secret in valid]
    return any(same)


def has_secret(server: MailServer) -> bool:
    return bool(server.secrets.get(SECRET))


def has_old_secret(server: MailServer) -> bool:
    return bool(server.secrets.get(OLD))


def fingerprint(server: MailServer) -> str:
    """Another one whenever address or secrets are; tells nothing of them."""
    parts = (server.inbox_token, server.secrets.get(SECRET, ""), server.secrets.get(OLD, ""))
    return salted_hmac("mailchannel.inbox", "\0".join(parts)).hexdigest()[:32]


def is_still(server: MailServer, seen: str) -> bool:
    """Whether a page with this fingerprint is not out of date. Until the caller's transaction ends nobody else changes
    address or secrets: of two who press a button at once the second is told.
    """
    return fingerprint(MailServer.objects.select_for_update().get(pk=server.live.pk)) == seen


def open_up(server: MailServer, *, by: Person | None) -> str:
    """Makes what is missing of address and secret; the new secret, which is never shown again, or nothing."""
    server = server.live
    if not server.inbox_token:
        _own_token(server)
        audit.record(server, by=by, message=f"Made the address mail is forwarded to: {address(server)}.")
    return "" if has_secret(server) else _new_secret(server, by, "Made a secret for the inbox.")


def rotate(server: MailServer, *, by: Person | None) -> str:
    """A new secret; the one before it stays valid until it is retired."""
    return _new_secret(server.live, by, "Made a new secret for the inbox; the one before it is valid as well.")


def retire(server: MailServer, *, by: Person | None) -> bool:
    """Only the newest secret is valid from now on. False: it was the only one."""
    if not has_old_secret(server.live):
        return False
    _change(server.live, lambda stored: _without(stored, (OLD,)))
    audit.record(server.live, by=by, message="Took back the inbox's old secret.")
    return True


def revoke(server: MailServer, *, by: Person | None) -> str:
    """Nothing that was known before opens this inbox any more: another address, another secret, which is returned."""
    server = server.live
    _change(server, without_own)
    _own_token(server)
    server.update(first_arrival_at=None)
    audit.record(
        server, by=by, message=f"Took back the inbox's address and secret. The new address: {address(server)}."
    )
    return _new_secret(server, by, "Made a secret for the inbox.")


def _own_token(server: MailServer) -> None:
    server.update(inbox_token="".join(secrets.choice(_LETTERS) for _ in range(24)))


def _new_secret(server: MailServer, by: Person | None, said: str) -> str:
    secret = secrets.token_urlsafe(24)

    def renewed(stored: Secrets) -> Secrets:
        before = {OLD: stored[SECRET]} if stored.get(SECRET) else {}
        return Secrets({**stored, **before, SECRET: secret})

    _change(server, renewed, secrets_set_at=timezone.now())
    audit.record(server, by=by, message=said)
    return secret


def _change(server: MailServer, change: Callable[[Secrets], Secrets], **columns: datetime) -> None:
    """In the settings in force and in those being prepared: publishing must not bring an old secret back."""
    with transaction.atomic():
        for row in MailServer.everything.select_for_update().filter(Q(pk=server.pk) | Q(draft_of=server)):
            row.update(secrets=change(row.secrets), **columns)
            if row.pk == server.pk:
                server.secrets = row.secrets


def without_own(stored: Secrets) -> Secrets:
    """What is left for another inbox: those who know the secret of this one must not come in there."""
    return _without(stored, (SECRET, OLD))


def _without(stored: Secrets, names: Iterable[str]) -> Secrets:
    return Secrets({name: value for name, value in stored.items() if name not in names})
