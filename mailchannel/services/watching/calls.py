"""Mail servers that call us when mail arrives, as Microsoft Graph does: asked to, believed, and followed."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets, SecretUnreadable
from mailchannel.network.faults import Fault
from mailchannel.network.graph_client import GraphClient
from mailchannel.network.graph_faults import Gone, GraphFault
from mailchannel.network.graph_folders import GraphFolders
from mailchannel.network.graph_news import Subscription, is_genuine, renew, subscribe, unsubscribe
from mailchannel.network.imap_idle import LineFailed
from mailchannel.services.receive import sources
from mailchannel.services.vault import connection_settings
from mailchannel.services.watching import fetching
from mailchannel.services.ways import reading_way
from mailchannel.transports.graph import Graph

#: The door of these calls; what follows names the mail server and proves that we have given the address away.
PATH = "/inbound/graph/"
#: Seconds. A subscription that is taken back in between is noticed at the next renewal.
MOST_OFTEN, SELDOMEST = 60.0, 6 * 3600.0


def ask(server_id: int) -> float:
    """Has the mail server call us, or go on doing so; the seconds until it has to be asked again. Blocks. Raises
    LineFailed.
    """
    server = MailServer.objects.get(pk=server_id)
    if not settings.SERVED_OVER_TLS:
        text = "Microsoft Graph tells of new mail only at addresses that begin with https, and PUBLIC_URL does not."
        raise LineFailed(Fault(text, permanent=True))
    try:
        client = _client(server)
        client.open()
        try:
            until = _asked(server, client).expires
        finally:
            client.close()
    except SecretUnreadable as error:
        raise LineFailed(Fault(str(error), permanent=True)) from error
    except GraphFault as error:
        raise LineFailed(error.fault) from None
    half = (until - datetime.now(UTC)).total_seconds() / 2
    return min(max(half, MOST_OFTEN), SELDOMEST)


def stop(server_id: int) -> None:
    """The mail server is not wanted any more. Blocks; what cannot be taken back ends by itself, and is ignored."""
    server = MailServer.objects.filter(pk=server_id).first()
    with suppress(SecretUnreadable, GraphFault):
        if server and (key := server.subscription.get("key")):
            server.update(subscription=Secrets())
            client = _client(server)
            client.open()
            try:
                unsubscribe(client, key)
            finally:
                client.close()


def called(address: str) -> MailServer | None:
    """Which mail server calls there. `address` is the last part of what we gave away."""
    number, _, token = address.partition("-")
    if not token or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    server = MailServer.objects.filter(pk=int(number), protocol=Graph.key).first()
    with suppress(SecretUnreadable):
        known = server.subscription.get("token", "") if server else ""
        if hmac.compare_digest(known.encode(), token.encode()):
            return server
    return None


def is_news(server: MailServer, body: bytes) -> bool:
    """Whether it really comes from there. Raises SecretUnreadable."""
    return is_genuine(body, server.subscription.get("state", ""))


def follow(server_id: int) -> int:
    """Fetches what was announced. Whoever fetches just now may have looked before: then the next tick does."""
    fetched = fetching.run(server_id)
    if fetched == fetching.BUSY:
        MailServer.objects.filter(pk=server_id).update(next_fetch_at=timezone.now())
    return max(fetched, 0)


def _asked(server: MailServer, client: GraphClient) -> Subscription:
    known = server.subscription
    if known.get("for") == _meant_for(server) and known.get("key"):
        with suppress(Gone):
            return renew(client, known["key"])
    if known.get("key"):
        with suppress(GraphFault):
            unsubscribe(client, known["key"])
    return _asked_anew(server, client)


def _asked_anew(server: MailServer, client: GraphClient) -> Subscription:
    """Graph calls before it answers, so the words are stored before it is asked."""
    words = {"token": secrets.token_urlsafe(24), "state": secrets.token_urlsafe(32), "for": _meant_for(server)}
    server.update(subscription=Secrets(words))
    folders = sources(server)
    if not folders:
        raise GraphFault(Fault("There is no folder to read mail from.", "folders", permanent=True))
    url = f"{settings.PUBLIC_URL}{PATH}{server.pk}-{words['token']}/"
    made = subscribe(client, GraphFolders(client).find(folders[0]).key, url, words["state"])
    server.update(subscription=Secrets({**words, "key": made.key}))
    return made


def _meant_for(server: MailServer) -> str:
    """Renewed, a subscription keeps its folder and the address that is called."""
    return f"{server.version} {settings.PUBLIC_URL}"


def _client(server: MailServer) -> GraphClient:
    wanted = with_defaults(Graph.fields, connection_settings(server))
    return GraphClient(str(wanted["endpoint"]), str(wanted["mailbox"]).strip(), reading_way(server))
