"""Tell people of trouble: administrators by the bell, the mail server's team by mail.

A trouble is one open row at the bell however often it happens. It ends by itself when things are well again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin, User
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from mailchannel.compose import alert as words
from mailchannel.compose.alert import Words, compose_alert
from mailchannel.compose.reply import Letter
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import Alert, InboundMail, MailServer, OutboundMail
from mailchannel.services import alert_settings, audit, trouble
from mailchannel.services.config import own_addresses
from mailchannel.services.notices import MOST_ALERTS, alerts_within_an_hour, mail_page, team_addresses
from mailchannel.services.outbox import queue

Kind = Alert.Kind
#: Causes of mails to the team, in the outbox; a number follows.
FAILED_MAIL, TROUBLE, ALERT = "failed mail", "trouble of server", "alert"
LONGEST_SAYING = 1000  # characters of an error, which a stranger's mail may have caused


# --- The bell -----------------------------------------------------------------------------------


@transaction.atomic
def ring(server: MailServer, kind: Kind, text: str) -> Alert:
    """Opens an alert, or says the new words in the one that is open. Everybody has to read it anew."""
    alert = Alert.objects.select_for_update().filter(server=server, kind=kind, ended_at=None).first()
    if alert is None:
        return Alert.objects.create(server=server, kind=kind, text=text)
    alert.text = text
    alert.save(update_fields=["text"])
    alert.read_by.clear()
    return alert


def end(server: MailServer, *kinds: Kind) -> int:
    """The trouble is over; the alerts stay listed. How many were open."""
    return Alert.objects.filter(server=server, kind__in=kinds, ended_at=None).update(ended_at=timezone.now())


def is_open(server: MailServer, kind: Kind) -> bool:
    return Alert.objects.filter(server=server, kind=kind, ended_at=None).exists()


def unread(person: AbstractBaseUser | AnonymousUser) -> QuerySet[Alert]:
    """Open alerts this person may see and has not marked as read."""
    if not may_see(person):
        return Alert.objects.none()
    return Alert.objects.filter(ended_at=None).exclude(read_by__pk=person.pk or 0)


def may_see(person: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(person, PermissionsMixin) and person.has_perm("mailchannel.view_mailserver")


@transaction.atomic
def mark_read(rows: Iterable[Alert], *, by: User) -> None:
    """For this person only."""
    for alert in rows:
        if not alert.read_by.filter(pk=by.pk).exists():
            alert.read_by.add(by)
            audit.record(alert.server, by=by, message=f"Marked as read: {alert.get_kind_display().lower()}.")


def not_told_by_mail(alerts: Sequence[Alert]) -> dict[int, str]:
    """Alert → why its mail to the team has not left; without those whose mail has, or who needed none."""
    causes = {f"{ALERT} {alert.pk}": alert.pk for alert in alerts}
    mails = OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT, ticket=None, cause__in=causes).order_by("pk")
    newest = {causes[cause]: (state, error) for cause, state, error in mails.values_list("cause", "state", "error")}
    return {pk: error for pk, (state, error) in newest.items() if state != OutboundMail.State.SENT and error}


# --- What happens -------------------------------------------------------------------------------


def connection_failed(server: MailServer, error: str) -> None:
    """Counts a fetch that could not reach the mailbox; tells people at the threshold and counts anew from there."""
    rules = alert_settings.current()
    count = server.unreachable + 1
    if not rules["connection_alerts"] or count < rules["failure_threshold"]:
        server.update(unreachable=count)
        return
    said = words.unreachable(server.name, server.address, server.failures, error[:LONGEST_SAYING])
    with transaction.atomic():
        _tell_all(server, Kind.UNREACHABLE, said)
        server.update(unreachable=0, told_unreachable=True)


def fetching_begins(server: MailServer) -> None:
    """Somebody resumed what had stopped by itself."""
    end(server, Kind.STOPPED)


def connection_works(server: MailServer) -> None:
    """A fetch went through: whoever was told of trouble hears that it is over."""
    with transaction.atomic():
        end(server, Kind.UNREACHABLE)
        if server.told_unreachable and alert_settings.current()["connection_alerts"]:
            mail_team(server, words.reachable_again(server.name, server.address), f"{TROUBLE} {server.pk}")
        if server.unreachable or server.told_unreachable:
            server.update(unreachable=0, told_unreachable=False)


def fetching_failed(server: MailServer, said: str) -> None:
    """The fetch itself failed, not the connection. The team is told once, not at every fetch."""
    if said != server.last_error and alert_settings.current()["application_errors"]:
        mail_team(server, words.fetching_failed(server.name, said[:LONGEST_SAYING]), f"{TROUBLE} {server.pk}")


@transaction.atomic
def mail_failed(server: MailServer, row: InboundMail) -> None:
    """Call once for each mail that ended as failed, in the transaction that says so."""
    failed = InboundMail.objects.filter(server=server, outcome=Outcome.FAILED).count()
    many = "A mail" if failed <= 1 else f"{failed} mails"
    ring(server, Kind.FAILED_MAIL, f"{many} could not be processed. The newest: {_said(row)}")
    if not (alert_settings.current()["application_errors"] and trouble.in_force(server)["notify_failed"]):
        return
    already = alerts_within_an_hour(server, FAILED_MAIL).count()
    if already < MOST_ALERTS:
        last = already == MOST_ALERTS - 1
        told = words.mail_failed(server.name, row.sender, row.subject, _said(row), last=last)
        mail_team(server, told, f"{FAILED_MAIL} {row.pk}", page=mail_page(row))


@transaction.atomic
def self_test_failed(server: MailServer, said: str) -> None:
    """The team hears of it by mail as well, unless they know already that the mailbox is out of reach."""
    told = words.self_test_failed(server.name, said)
    if is_open(server, Kind.UNREACHABLE) or not alert_settings.current()["connection_alerts"]:
        ring(server, Kind.SELF_TEST, told.text)
    else:
        _tell_all(server, Kind.SELF_TEST, told)


# --- By mail ------------------------------------------------------------------------------------


def mail_team(server: MailServer, said: Words, cause: str, *, page: str = "") -> OutboundMail | None:
    """Queues a mail to the team, inside the caller's transaction. None: nobody is chosen to be told."""
    people = team_addresses(server, own_addresses(server))
    if not people:
        return None
    letter = _letter(server, said, people, page or server_page(server))
    return queue(
        OutboundMail(
            server=server,
            kind=OutboundMail.Kind.ALERT,
            cause=cause,
            message_id=letter.message_id,
            envelope_from="",  # the null sender: what cannot be delivered comes back to nobody
            recipients=people,
            subject=said.subject[:255],
            raw=compose_alert(letter),
        )
    )


def server_page(server: MailServer) -> str:
    return f"{settings.PUBLIC_URL}{reverse('admin:mailchannel_mailserver_change', args=[server.pk])}"


def _tell_all(server: MailServer, kind: Kind, said: Words) -> None:
    alert = ring(server, kind, said.text)
    mail_team(server, said, f"{ALERT} {alert.pk}")


def _letter(server: MailServer, said: Words, people: Sequence[str], page: str) -> Letter:
    return Letter(
        message_id=f"alert.{secrets.token_hex(16)}@{server.address.rpartition('@')[2]}",
        number="",
        subject=said.subject,
        text=said.mail(page),
        mailbox=server.address,
        mailbox_name=server.name,
        reply_to="",
        to=people[0],
        cc=people[1:],
        references=(),
        date=timezone.now(),
    )


def _said(row: InboundMail) -> str:
    return (row.because or row.reason)[:LONGEST_SAYING]
