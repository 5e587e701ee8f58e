"""The next settings of a published mail server, prepared beside those in force.

A draft is a mail server of its own that nothing fetches: the wizard, the connection test and the dry run work on it
as on any other. Publishing copies it over the mail server it belongs to.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from mailchannel.models import MailServer
from mailchannel.services import audit
from mailchannel.services.audit import Person
from mailchannel.services.sign_in import rows, telling

#: Everything people set.
COLUMNS: Final = (
    *("name", "protocol", "auth", "address", "reply_to", "connection", "oauth", "secrets", "secrets_set_at"),
    *("sending_protocol", "sending_auth", "sending", "sending_oauth", "proxy_id", "authorities", "verify_certificate"),
    *("timeout_ms", "max_tries", "cool_off_minutes", "fetch_every_minutes", "skip_times", "sync_start"),
    *("acceptance", "routing", "attachments", "after", "trouble", "confirmation", "template_id", "attach_email"),
)
ROWS: Final = ("folders", "domains", "aliases", "mappings")
CHOSEN: Final = ("whitelisted_types", "alert_to")


def draft_of(server: MailServer) -> MailServer | None:
    return MailServer.everything.filter(draft_of=server).select_related("draft_of").first()


def working_copy(server: MailServer) -> MailServer:
    """What the wizard shows: the next settings if somebody began to change them, else those in force."""
    return draft_of(server) or server


@transaction.atomic
def begin(server: MailServer) -> MailServer:
    """The mail server's draft, made from the settings in force unless there is one already."""
    live = MailServer.objects.select_for_update().get(pk=server.pk)
    draft = draft_of(live)
    if draft is None:
        kept = {"published_at": live.published_at, "version": live.version, "reached": live.reached}
        draft = MailServer(draft_of=live, offer_id=live.offer_id, **kept, **columns(live))
        draft.save()
        copy_rows(live, draft)
    return draft


@transaction.atomic
def discard(server: MailServer, *, by: Person | None) -> bool:
    """Forgets the draft. False: there was none."""
    draft = draft_of(server)
    if draft is None:
        return False
    draft.delete()
    audit.record(server, by=by, message="Discarded the changes that were not published.")
    return True


@transaction.atomic
def adopt(server: MailServer) -> bool:
    """Puts the draft in force and forgets it. False: there was none."""
    draft = draft_of(server)
    if draft is None:
        return False
    server.update(**columns(draft))
    for name in ROWS:
        getattr(server, name).all().delete()
    copy_rows(draft, server)
    rows.take_over(draft, server)
    draft.delete()
    telling.found_again(server)
    return True


def columns(server: MailServer) -> dict[str, Any]:
    """Everything people set, as another mail server's row takes it."""
    return {name: getattr(server, name) for name in COLUMNS}


def copy_rows(source: MailServer, target: MailServer) -> None:
    """What hangs on the row: folders, senders, other addresses, mapping, and who is told. `target` is stored."""
    for name in ROWS:
        rows = list(getattr(source, name).all())
        for row in rows:
            row.pk, row.server = None, target
        getattr(target, name).bulk_create(rows)
    for name in CHOSEN:
        getattr(target, name).set(getattr(source, name).all())
