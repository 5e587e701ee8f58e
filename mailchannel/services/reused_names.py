"""Names that a server may give to new mails once it has deleted the old ones (RFC 1939, section 7)."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.models import InboundMail, MailServer
from mailchannel.parsing.header_block import headers_of
from mailchannel.transports import TRANSPORTS, MessageRef, Transport

Remote = InboundMail.Remote
AT_ONCE = 500  # names asked of the database in one go


def let_go(server: MailServer, box: Transport, folder: str, epoch: str) -> None:
    """Looks at the headers of listed mails whose name belonged to one we have deleted, or may have: a run can die right
    after the deed. Where another mail has the name now, the old one gives it up, and the new one is fetched like any
    other. For the folder just selected; transports whose names last for ever have nothing to look at.
    """
    if not getattr(TRANSPORTS[server.protocol], "reuses_keys", False):
        return
    for row in _doubtful(server, box, folder, epoch):
        head = next((mail.raw for mail in box.fetch_headers([MessageRef(folder, row.remote_key, epoch)])), None)
        if head is None:
            continue
        if head != _headers(row):
            InboundMail.objects.filter(pk=row.pk).update(epoch=f"before {row.pk}", remote=Remote.DELETED)
        elif row.remote == Remote.DELETED:
            # It said that it was deleted. Whoever is asked again says so again, of the same mails in every fetch.
            InboundMail.objects.filter(pk=row.pk).update(remote=Remote.KEPT)


def _doubtful(server: MailServer, box: Transport, folder: str, epoch: str) -> Iterator[InboundMail]:
    rows = InboundMail.objects.filter(
        server=server, folder=folder, epoch=epoch, remote__in=(Remote.PENDING, Remote.DELETED)
    )
    if not rows.exists():
        return
    keys = list(box.keys(folder))
    for start in range(0, len(keys), AT_ONCE):
        yield from rows.filter(remote_key__in=keys[start : start + AT_ONCE])


def _headers(row: InboundMail) -> bytes:
    """Empty where the mail was forgotten meanwhile: then nobody can tell, and it is fetched once more."""
    return headers_of(row.raw.content) if hasattr(row, "raw") else b""
