"""Every mail server is tested from time to time, and its passwords are looked at: trouble shows before mail is late."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from mailchannel.models import Alert, MailServer, SignIn
from mailchannel.models.secrets import SecretUnreadable, UnreadableSecrets
from mailchannel.services import alert_settings, alerts, inbox
from mailchannel.services.check import Finding, Level, check, stored
from mailchannel.services.leaving import can_send
from mailchannel.services.schedule import rests
from mailchannel.services.sign_in.application import by_token

Kind = Alert.Kind


def claim_due(now: datetime | None = None) -> list[int]:
    """Mail servers to test now. Claiming one notes the time, so that two ticks never hand it out twice."""
    now = now or timezone.now()
    hours = alert_settings.current()["self_test_hours"]
    if not hours:
        return []
    active = MailServer.objects.filter(status__in=MailServer.LIVE).defer("secrets")
    due = active.filter(Q(tested_at=None) | Q(tested_at__lte=now - timedelta(hours=hours)))
    return [server.pk for server in due if not rests(server, now) and _claim(server, now)]


def run(server: MailServer) -> bool:
    """Tests reading and sending with the settings in force, changing nothing there. True: all is well."""
    findings = _findings(server)
    bad = [finding for finding in findings if finding.level == Level.BAD]
    known = {str(each.get("text")) for each in server.test_findings if each.get("level") == Level.BAD}
    server.update(tested_at=timezone.now(), test_findings=[_as_json(finding) for finding in findings])
    if not bad:
        alerts.end(server, Kind.SELF_TEST)
    elif {finding.text for finding in bad} - known or not alerts.is_open(server, Kind.SELF_TEST):
        alerts.self_test_failed(server, "\n".join(f"{each.text} {each.advice}".strip() for each in bad))
    return not bad


def remind_of_old_secrets(now: datetime | None = None) -> int:
    """Rings for passwords that are older than the system defaults want, and ends it where they were set anew. How many
    alerts were opened.
    """
    now = now or timezone.now()
    days = alert_settings.current()["rotate_after_days"]
    old = _with_secrets_from_before(now - timedelta(days=days)) if days else MailServer.objects.none()
    reminded = Alert.objects.filter(kind=Kind.SECRET_AGE, ended_at=None)
    reminded.exclude(server__in=old).update(ended_at=now)
    to_tell = [server for server in old.exclude(pk__in=reminded.values("server")) if _has_secrets(server)]
    for server in to_tell:
        since = server.secrets_set_at or server.published_at
        alerts.ring(server, Kind.SECRET_AGE, _old(server, since, days))
    return len(to_tell)


def _claim(server: MailServer, now: datetime) -> bool:
    return MailServer.objects.filter(pk=server.pk, tested_at=server.tested_at).update(tested_at=now) == 1


def _findings(server: MailServer) -> list[Finding]:
    try:
        return list(check(stored(server)))
    except SecretUnreadable as error:
        return [Finding(Level.BAD, str(error))]


def _as_json(finding: Finding) -> dict[str, str]:
    return {**asdict(finding), "level": finding.level.value, "mark": finding.level.mark, "word": finding.level.word}


def _with_secrets_from_before(moment: datetime) -> QuerySet[MailServer]:
    """A secret nobody typed since it was stored is as old as the publication."""
    published = MailServer.objects.exclude(status=MailServer.Status.DRAFT)
    return published.alias(since=Coalesce("secrets_set_at", "published_at")).filter(since__lt=moment)


def _has_secrets(server: MailServer) -> bool:
    if isinstance(server.secrets, UnreadableSecrets):
        return True
    return bool(server.secrets if _asks_for_secret(server) else inbox.without_own(server.secrets))


def _asks_for_secret(server: MailServer) -> bool:
    """An inbox whose mail is handed over by SMTP does not: its address is enough."""
    return inbox.is_inbox(server) and inbox.door(server) != "smtp"


def _old(server: MailServer, since: datetime | None, days: int) -> str:
    what, advice = _what_to_change(server)
    stands = f" since {timezone.localtime(since):%-d %B %Y}" if since else ""
    return (
        f"The {what} of {server.name} has not been changed{stands}. {what.capitalize()}s older than {days} days should "
        f"be changed. {advice}"
    )


def _what_to_change(server: MailServer) -> tuple[str, str]:
    """By the settings: secrets no key opens are old as well."""
    if _asks_for_secret(server):
        return "secret", "Press New secret on the page of the inbox, and enter it where the mail comes from."
    sends_by_password = can_send(server) and not by_token(server, SignIn.Purpose.SENDING)
    if by_token(server, SignIn.Purpose.READING) and not sends_by_password:
        advice = "Make a new one for the application at its provider, then enter it under Connection and publish."
        return "client secret", advice
    return "password", "Set a new one at the mail provider, then enter it under Connection and publish."
