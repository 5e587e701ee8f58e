"""Which other mail servers read the same mailbox: only one of them may be live, or one mail would be two tickets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import FolderMapping, MailServer
from mailchannel.network.graph_line import base_url
from mailchannel.services.sign_in.clouds import clouds_of, host_of, kind_of
from mailchannel.transports import TRANSPORTS
from mailchannel.transports.ews import Ews
from mailchannel.transports.graph import Graph

Account = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Another mail server that was published, and a folder both read."""

    server: MailServer
    folder: str

    @property
    def at_work(self) -> bool:
        """Live, or paused so lately that its last fetch is not over: that one may still take mail in."""
        until = self.server.lease_until
        return self.server.status in MailServer.LIVE or (until is not None and until > timezone.now())


def readers(server: MailServer) -> list[Reader]:
    """Every other one, at work or paused. One that was never published has read nothing."""
    return [each for each in sharing(server) if each.server.status != MailServer.Status.DRAFT]


def sharing(server: MailServer) -> list[Reader]:
    """With those that were never published. Neither protocol nor port makes it another mailbox."""
    own = account(server)
    if own is None:
        return []
    others = _of_user(own[1]).exclude(pk=server.live.pk).prefetch_related("folders").defer("secrets")
    folders = _sources(server)
    return [Reader(each, min(both)) for each in others if account(each) == own and (both := folders & _sources(each))]


def start_of(before: Iterable[Reader]) -> datetime | None:
    """Since when the mailbox has been read; the mail logs tell which of its mails were taken in."""
    return min((each.server.sync_start for each in before if each.server.sync_start), default=None)


def of_same_account(server: MailServer) -> frozenset[int]:
    """Itself and every other one. The messages of a folder are the same for all of them: what one has taken in, none of
    the others takes in again.
    """
    own = account(server)
    found = _of_user(own[1]).only("protocol", "address", "connection") if own else ()
    return frozenset({server.live.pk or 0, *(other.pk for other in found if account(other) == own)})


def account(server: MailServer) -> Account | None:
    """Where the mailbox lies and whose it is; None as long as nobody has said which."""
    settings = server.connection
    if server.protocol == Graph.key:
        host = host_of(base_url(str(with_defaults(Graph.fields, settings)["endpoint"])))
        user = settings.get("mailbox") or server.address
    elif server.protocol == Ews.key:
        host, user = host_of(str(settings.get("url", ""))), settings.get("mailbox")
    else:
        host, user = settings.get("host"), settings.get("username")
    return (_where_mail_lies(str(host).lower()), str(user).lower()) if host and user else None


def _where_mail_lies(host: str) -> str:
    """A cloud of Microsoft shows a mailbox under several names."""
    shows = (cloud.mail for cloud in clouds_of(host) if kind_of(host, cloud) in ("mail", "graph"))
    return next(shows, host)


def whose(server: MailServer) -> tuple[str, str]:
    """The setting that names the mailbox, and its label."""
    known = TRANSPORTS[server.protocol].fields if server.protocol in TRANSPORTS else ()
    labels = {spec.name: spec.label for spec in known}
    return next(((name, labels[name]) for name in ("mailbox", "username") if name in labels), ("address", "Address"))


def _of_user(name: str) -> QuerySet[MailServer]:
    """Asked at every fetch, so the database finds them among all."""
    settings = Q(connection__username__iexact=name) | Q(connection__mailbox__iexact=name)
    return MailServer.objects.filter(settings | Q(protocol=Graph.key, address__iexact=name))


def _sources(server: MailServer) -> set[str]:
    if server.protocol in TRANSPORTS and not TRANSPORTS[server.protocol].has_folders:
        return {"INBOX"}  # the one such a protocol shows
    sources = (row.folder for row in server.folders.all() if row.role == FolderMapping.Role.SOURCE)
    return {"INBOX" if folder.upper() == "INBOX" else folder for folder in sources}
