"""Tell the sender and the team about files that were left out, by mails queued together with the ticket.

Automatic mail is sent at most once, only to people, and only so often: whoever sends a thousand files a minute, or
answers every notice, gets a few notices and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from mailchannel.compose.headers import message_id
from mailchannel.compose.notice import compose_notice, to_sender, to_team
from mailchannel.compose.reply import LONGEST_SUBJECT, Letter
from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Draft, Step
from mailchannel.kernel.specs import with_defaults
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, MailServer, OutboundMail
from mailchannel.parsing.authentication import Authentication
from mailchannel.pipeline.addressing import is_ours
from mailchannel.pipeline.courtesy import may_write_to_sender
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.files import Dropped, dropped
from mailchannel.pipeline.gates.authentication import authenticated
from mailchannel.services.config import own_addresses
from mailchannel.services.leaving import can_send
from mailchannel.services.queueing import queue
from tickets.api import Written, signature

Kind = OutboundMail.Kind
#: Mails a program wrote to customers.
TO_SENDERS = (Kind.NOTICE, Kind.ACKNOWLEDGEMENT)
MOST_PER_SENDER = 3  # an hour
MOST_PER_SERVER = 60
MOST_ALERTS = 60
#: Tells our mails about one ticket apart in their ids; the number behind it is that of the received mail.
NOTICE_ID, ALERT_ID = "f", "t"
FILES_OF = "files of mail"  # the cause of such mails


@dataclass(frozen=True, slots=True)
class Occasion:
    """A received mail that became part of a ticket, and the files it left behind."""

    server: MailServer
    row: InboundMail
    mail: ParsedMail
    written: Written
    files: Sequence[Dropped] = ()

    @property
    def subject(self) -> str:
        return self.mail.subject[:LONGEST_SUBJECT] or "(no subject)"


def tell_of_stripped(
    row: InboundMail, mail: ParsedMail, draft: Draft, written: Written, channel: Channel
) -> tuple[Step, ...]:
    """Inside the transaction that writes the ticket. The steps say for the trace who is told, or why nobody is."""
    files = dropped(draft.manifest)
    if not files:
        return ()
    if not with_defaults(FILE_SPECS, channel.files)["notify_stripped"]:
        return (Step("notice", "sender", "none", "notices about files that were left out are switched off"),)
    occasion = Occasion(row.server, row, mail, written, files)
    if not can_send(occasion.server):
        return (Step("notice", "sender", "none", f"no outgoing server is set for {occasion.server.name}"),)
    ours = own_addresses(occasion.server)
    sender = authenticated(mail, channel.acceptance)
    return (_tell_sender(occasion, ours, sender), *_tell_team(occasion, ours))


def over_limit(server: MailServer, email: str) -> str:
    """Why this address gets no automatic mail right now, in words for the trace; empty when it may get one."""
    recent = OutboundMail.objects.filter(kind__in=TO_SENDERS, created__gte=timezone.now() - timedelta(hours=1))
    if recent.filter(recipients=[email]).count() >= MOST_PER_SENDER:
        return f"{email} got {MOST_PER_SENDER} automatic mails within an hour"
    if recent.filter(server=server).count() >= MOST_PER_SERVER:
        return f"{server.name} sent {MOST_PER_SERVER} automatic mails within an hour"
    return ""


def _tell_sender(occasion: Occasion, ours: frozenset[str], sender: Authentication) -> Step:
    mail = occasion.mail
    email = mail.sender.email if mail.sender else ""
    why_not = may_write_to_sender(mail, ours, sender) or over_limit(occasion.server, email)
    if why_not:
        return Step("notice", "sender", "none", f"the sender is not told: {why_not}")
    text = to_sender(occasion.subject, occasion.written.number, occasion.files)
    _queue(occasion, Kind.NOTICE, [email], letter_about(occasion, NOTICE_ID, [email], occasion.subject, text))
    return Step("notice", "sender", "queued", f"{email} is told what was left out")


def _tell_team(occasion: Occasion, ours: frozenset[str]) -> tuple[Step, ...]:
    people = team_addresses(occasion.server, ours)
    if not people:
        return ()
    if alerts_within_an_hour(occasion.server, FILES_OF).count() >= MOST_ALERTS:
        return (Step("notice", "team", "none", f"the team got {MOST_ALERTS} notices within an hour"),)
    sender = occasion.mail.sender.email if occasion.mail.sender else occasion.mail.from_header
    text = to_team(occasion.subject, occasion.written.number, sender, mail_page(occasion.row), occasion.files)
    subject = f"Left out of a mail: {occasion.subject}"
    _queue(occasion, Kind.ALERT, people, letter_about(occasion, ALERT_ID, people, subject, text))
    return (Step("notice", "team", "queued", f"{', '.join(people)} are told what was left out"),)


def reachable() -> QuerySet[Any]:
    """People who sign in here and can be told something by mail."""
    return get_user_model()._default_manager.filter(is_active=True).exclude(email="")


def team(server: MailServer) -> QuerySet[Any]:
    """Who of them is told of trouble with this mail server."""
    return reachable().filter(pk__in=server.alert_to.values("pk")).order_by("pk")


def team_addresses(server: MailServer, ours: frozenset[str]) -> list[str]:
    """Each address once, and none of our own mailboxes: that would become a ticket."""
    emails = dict.fromkeys(person.email.lower() for person in team(server))
    return [email for email in emails if not is_ours(email, ours)]


def alerts_within_an_hour(server: MailServer, cause: str) -> QuerySet[OutboundMail]:
    """Mails to the team of this kind of cause."""
    hour = timezone.now() - timedelta(hours=1)
    return OutboundMail.objects.filter(kind=Kind.ALERT, created__gte=hour, server=server, cause__startswith=cause)


def mail_page(row: InboundMail) -> str:
    return f"{settings.PUBLIC_URL}{reverse('admin:mailchannel_inboundmail_change', args=[row.pk])}"


def letter_about(occasion: Occasion, prefix: str, to: Sequence[str], subject: str, text: str) -> Letter:
    """In the thread of the mail it is about, and with the same id whenever it is written again."""
    server, written = occasion.server, occasion.written
    own = f"{prefix}{occasion.row.pk}"
    domain = server.address.rpartition("@")[2]
    return Letter(
        message_id=message_id(written.number, own, signature(written.ticket_id, own), domain),
        number=written.number,
        subject=subject,
        text=text,
        mailbox=server.address,
        mailbox_name=server.name,
        reply_to=server.reply_to,
        to=to[0],
        cc=to[1:],
        references=[occasion.mail.message_id] if occasion.mail.message_id else [],
        date=timezone.now(),
    )


def _queue(occasion: Occasion, kind: Kind, recipients: Sequence[str], letter: Letter) -> None:
    queue(
        OutboundMail(
            server=occasion.server,
            ticket_id=occasion.written.ticket_id,
            kind=kind,
            cause=f"{FILES_OF} {occasion.row.pk}",
            message_id=letter.message_id,
            envelope_from="",  # the null sender: a notice that cannot be delivered comes back to nobody
            recipients=list(recipients),
            subject=letter.subject[:255],
            raw=compose_notice(letter),
        )
    )
