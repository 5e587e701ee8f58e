"""Mail that could not be processed: how much of it waits, and when fetching stops for it."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from mailchannel.kernel.decisions import Outcome
from mailchannel.models import Alert, InboundMail, MailServer, RawMail
from mailchannel.services import alerts, audit, trouble
from mailchannel.services.error_reports import named_headers

Remote = InboundMail.Remote
_LARGE: Final = 5_000_000  # bytes; the original of such a mail is not opened for a title


def failed(server: MailServer) -> QuerySet[InboundMail]:
    """Everything that could not be processed and was not resolved, wherever it lies."""
    return InboundMail.objects.filter(server=server, outcome=Outcome.FAILED)


def count(server: MailServer) -> int:
    """Mails in the fail folder: failed, moved there, not resolved."""
    return failed(server).filter(remote=Remote.MOVED).count()


def room(server: MailServer) -> int | None:
    """So many more mails may fail before fetching stops; None: any number."""
    most = trouble.most_failed(server)
    return max(most - count(server), 0) if most else None


def waits_in_inbox(server: MailServer, row: InboundMail) -> bool:
    """It was put back, and no fetch went through since."""
    return row.retry_at is not None and (server.last_success_at is None or server.last_success_at < row.retry_at)


def title(row: InboundMail) -> str:
    """Its subject; of a mail the parser gave up on the header as it stands there."""
    if not row.subject and row.size < _LARGE:
        raw = RawMail.objects.filter(pk=row.pk).first()
        said = dict(named_headers(raw.content, ("subject",))) if raw else {}
        return said.get("subject", "")[:200] or "(no subject)"
    return row.subject or "(no subject)"


@transaction.atomic
def stop_if_full(server: MailServer) -> bool:
    """Call when failed mails were moved. True: fetching has stopped, until a person resumes it."""
    most, there = trouble.most_failed(server), count(server)
    if not most or there < most:
        return False
    server.update(status=MailServer.Status.PAUSED)
    said = (
        f"Fetching stopped: {mails(there)} that could not be processed lie{'s' if there == 1 else ''} in the fail "
        f"folder, and it was to stop at {most}. See why they failed, mend it, move them back to the inbox, then resume."
    )
    alerts.ring(server, Alert.Kind.STOPPED, said)
    audit.record(server, by=None, message=said)
    return True


def why_stopped(server: MailServer) -> str:
    """In words for the mail server's page; empty unless fetching stopped by itself."""
    if server.status != MailServer.Status.PAUSED:
        return ""
    stopped = Alert.objects.filter(server=server, kind=Alert.Kind.STOPPED, ended_at=None)
    return stopped.values_list("text", flat=True).first() or ""


def warning(server: MailServer) -> str:
    """What to know before and after resuming or publishing: what is unresolved goes on counting."""
    most, there = trouble.most_failed(server), count(server)
    if not most or not there:
        return ""
    left = most - there
    when = "the next mail that fails" if left <= 1 else f"{left} more mails that fail"
    return f"{mails(there)} in the fail folder count: fetching stops with {when}."


def all_resolved(server: MailServer) -> bool:
    """Ends the alert once nothing is left to look after. True: nothing is."""
    if failed(server).exclude(retry_at__isnull=False, remote=Remote.KEPT).exists():
        return False
    alerts.end(server, Alert.Kind.FAILED_MAIL)
    return True


def mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count} mails"
