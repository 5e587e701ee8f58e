"""Which mail servers are watched, how one is called, and what their pages say of it: all that asks the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer, SignIn
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.network.account import Account
from mailchannel.network.faults import Fault
from mailchannel.network.imap_idle import IdleLine, LineFailed, open_line
from mailchannel.services.receive import sources
from mailchannel.services.schedule import rests
from mailchannel.services.vault import connection_settings
from mailchannel.services.ways import reading_way
from mailchannel.transports.forwarding import Forwarding
from mailchannel.transports.graph import Graph
from mailchannel.transports.imap import Imap

PROTOCOLS = (Imap.key, Graph.key)


@dataclass(frozen=True, slots=True)
class Push:
    """What a mail server's page says: told of new mail since then, or why not. Nothing, while nobody watches."""

    since: datetime | None = None
    error: str = ""


#: What we got in touch with: protocol, version of the settings, state of the sign-in. Another one: do it anew.
Stamp = tuple[str, int, str]


def wanted() -> dict[int, Stamp]:
    """The mail servers to be connected with now, in one query. One that failed is left alone until a fetch succeeds,
    and so is one inside its skip times."""
    sign_in = SignIn.objects.filter(server=OuterRef("pk"), purpose=SignIn.Purpose.READING).values("state")
    found = (
        MailServer.objects.filter(status=MailServer.Status.ACTIVE, protocol__in=PROTOCOLS)
        .only("protocol", "version", "skip_times")
        .annotate(sign_in=Subquery(sign_in[:1]))
    )
    now = timezone.now()
    return {each.pk: (each.protocol, each.version, each.sign_in or "") for each in found if not rests(each, now)}


def call(server_id: int) -> IdleLine:
    """Blocks. Raises LineFailed."""
    server = MailServer.objects.get(pk=server_id)
    folders = sources(server)
    if not folders:
        raise LineFailed(Fault("There is no folder to read mail from.", "folders", permanent=True))
    try:
        account, way = Account.of(with_defaults(Imap.fields, connection_settings(server))), reading_way(server)
    except SecretUnreadable as error:
        raise LineFailed(Fault(str(error), "password", permanent=True)) from error
    return open_line(account, way, folders[0])


@transaction.atomic
def tell(news: Mapping[int, Push]) -> None:
    """What has changed since it was told last."""
    for server_id, push in sorted(news.items(), key=lambda each: each[0]):  # in the order everybody locks them
        MailServer.objects.filter(pk=server_id).update(push_since=push.since, push_error=push.error)


def forget() -> None:
    """Nobody watches any more, or not yet. Why mail was turned away at an inbox is said whoever watches."""
    told = MailServer.everything.exclude(push_since=None, push_error="")
    told.exclude(protocol=Forwarding.key).update(push_since=None, push_error="")
