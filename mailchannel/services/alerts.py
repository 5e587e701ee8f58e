"""Tell people of trouble: administrators by the bell, the mail server's team by mail.

A trouble is one open row at the bell however often it happens. It ends by itself when things are well again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin, User
from django.db import transaction
from django.db.models import Max, QuerySet
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
from mailchannel.services.queueing import queue

Kind = Alert.Kind
#: Causes of mails to the team, in the outbox; the number of the alert or of the mail server follows.
ALERT, FAILED_MAIL, FETCHING, AGAIN = "alert", "failed mail of alert", "fetching of server", "server is back"
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
    over = Alert.objects.filter(server=server, kind__in=kinds, ended_at=None)
    keys = list(over.values_list("pk", flat=True))
    if not keys:
        return 0
    _withdraw(keys)
    return Alert.objects.filter(pk__in=keys).update(ended_at=timezone.now())


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


def not_told_by_mail(alerts: Iterable[Alert]) -> dict[int, str]:
    """Alert → why its mail to the team has not left; without those whose mail has, or who needed none."""
    newest = _mails_about(alert.pk for alert in alerts).values("cause").annotate(newest=Max("pk")).values("newest")
    unsent = OutboundMail.objects.filter(pk__in=newest).exclude(state=OutboundMail.State.SENT).exclude(error="")
    return {int(cause.rpartition(" ")[2]): error for cause, error in unsent.values_list("cause", "error")}


# --- What happens -------------------------------------------------------------------------------


def connection_failed(server: MailServer, error: str) -> None:
    """Counts a fetch that could not reach the mailbox; tells people at the threshold and counts anew from there."""
    rules = alert_settings.current()
    count = server.unreachable + 1
    if not rules["connection_alerts"] or count < rules["failure_threshold"]:
        server.update(unreachable=count)
        return
    times = max(server.failures, count)  # whoever publishes or resumes begins with no failures
    said = words.unreachable(server.name, server.address, times, error[:LONGEST_SAYING])
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
            mail_team(server, words.reachable_again(server.name, server.address), f"{AGAIN} {server.pk}")
        if server.unreachable or server.told_unreachable:
            server.update(unreachable=0, told_unreachable=False)


def fetching_failed(server: MailServer, said: str) -> None:
    """The fetch itself failed, not the connection. The team is told once until a fetch goes through, and at most once
    an hour where trouble comes and goes.
    """
    if not alert_settings.current()["application_errors"]:
        return
    cause = f"{FETCHING} {server.pk}"
    told = OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT, server=server, cause=cause)
    if server.last_success_at:
        told = told.filter(created__gte=min(server.last_success_at, timezone.now() - timedelta(hours=1)))
    if not told.exists():
        mail_team(server, words.fetching_failed(server.name, said[:LONGEST_SAYING]), cause)


@transaction.atomic
def mail_failed(server: MailServer, row: InboundMail) -> None:
    """Call once for each mail that ended as failed, in the transaction that says so."""
    failed = InboundMail.objects.filter(server=server, outcome=Outcome.FAILED).count()
    many = "A mail" if failed <= 1 else f"{failed} mails"
    alert = ring(server, Kind.FAILED_MAIL, f"{many} could not be processed. The newest: {_said(row)}")
    if not (alert_settings.current()["application_errors"] and trouble.in_force(server)["notify_failed"]):
        return
    already = alerts_within_an_hour(server, FAILED_MAIL).count()
    if already < MOST_ALERTS:
        last = already == MOST_ALERTS - 1
        told = words.mail_failed(server.name, row.sender, row.subject, _said(row), last=last)
        mail_team(server, told, f"{FAILED_MAIL} {alert.pk}", page=mail_page(row))


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
    _withdraw([alert.pk])
    mail_team(server, said, f"{ALERT} {alert.pk}")


def _mails_about(alerts: Iterable[int]) -> QuerySet[OutboundMail]:
    causes = [f"{cause} {pk}" for pk in alerts for cause in (ALERT, FAILED_MAIL)]
    return OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT, ticket=None, cause__in=causes).order_by()


def _withdraw(alerts: Iterable[int]) -> None:
    """Mails about these alerts that could not leave are not tried any more: what they say is old. Else everything that
    piled up would arrive at once, days later, as soon as sending works again.
    """
    waiting = _mails_about(alerts).filter(state=OutboundMail.State.QUEUED, attempts__gt=0)
    waiting.update(state=OutboundMail.State.FAILED)


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
