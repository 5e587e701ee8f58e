"""What the mail channel answers when the agents' pages ask: was it sent, where did it come from, how was it read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from mailchannel.kernel.decisions import Verdict
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, OutboundMail, RawMail
from mailchannel.parsing.importance import importance
from mailchannel.parsing.kinds import kind_of
from mailchannel.services import retention
from mailchannel.services.health import Late, late
from mailchannel.services.manifest import row_of
from mailchannel.services.reading import parse_stored
from tickets.api import Delivery, Notice, Piece, Reading

User = AbstractBaseUser | AnonymousUser

State = OutboundMail.State
_STATES = {
    State.QUEUED: Delivery("waiting to be sent"),
    State.SENDING: Delivery("being sent"),
    State.SENT: Delivery("sent", "good"),
}

KINDS = {
    "letter": "a letter",
    "bounce": "a report that mail could not be delivered",
    "automatic": "an automatic answer",
    "receipt": "a receipt",
    "list": "a letter to a mailing list",
    "challenge": "a program asks the sender to prove that he is a person",
    "calendar": "an invitation",
    "feedback": "a complaint about mail of ours, sent by a mail provider",
}
VERDICTS: Mapping[str, str] = {
    Verdict.SHOWN: "shown",
    Verdict.KEPT: "kept",
    Verdict.INLINE: "shown in the text",
    Verdict.STRIPPED: "left out",
}
MOST_PIECES = 200


def deliveries(note_ids: Sequence[int]) -> Mapping[int, Delivery]:
    rows = OutboundMail.objects.filter(note_id__in=note_ids).values_list("note_id", "state", "error")
    return {note_id: _delivery(State(state), error) for note_id, state, error in rows if note_id}


def trace_link(ticket_id: int, user: User) -> str:
    """The page that tells why the mail became this ticket, for those who may read the mail log."""
    if not (isinstance(user, PermissionsMixin) and user.has_perm("mailchannel.view_inboundmail")):
        return ""
    first = InboundMail.objects.filter(ticket_id=ticket_id).order_by("pk").values_list("pk", flat=True).first()
    return reverse("admin:mailchannel_inboundmail_change", args=[first]) if first else ""


def mail_remarks(note_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    """Every note that came by mail → what an agent must know before reading it."""
    rows = InboundMail.objects.filter(note_id__in=note_ids).values_list("note_id", "remarks")
    return {note_id: remarks for note_id, remarks in rows if note_id}


def mail_reading(note_id: int, user: User) -> Reading | None:
    """How the mail that became this note was read."""
    row = InboundMail.objects.filter(note_id=note_id).first()
    if row is None:
        return None
    mail = parse_stored(row)
    #: A mail that was settled before verdicts on its files were kept has none.
    manifest: Sequence[Mapping[str, Any]] = row.manifest or [row_of(part) for part in (mail.parts if mail else ())]
    return Reading(
        facts=[*(_facts(mail) if mail else []), *_authentication(row)],
        oddities=list(dict.fromkeys(mail.defects)) if mail else [retention.why_gone(row)],
        pieces=[_piece(line) for line in manifest[:MOST_PIECES]],
        unlisted=max(0, len(manifest) - MOST_PIECES),
        links=list(_links(row, user)),
    )


def channel_notices(user: User) -> Sequence[Notice]:
    """Mailboxes that are not read as they should be. What is wrong is for those who can mend it."""
    may_mend = isinstance(user, PermissionsMixin) and user.has_perm("mailchannel.change_mailserver")
    may_mend = may_mend and bool(getattr(user, "is_staff", False))
    return [_late_notice(each, may_mend=may_mend) for each in late()]


def _late_notice(late: Late, *, may_mend: bool) -> Notice:
    server = late.server
    since = f"since {_moment(late.since)}" if late.since else "yet"
    text = f"Mail to {server.address} has not been fetched {since}; tickets may arrive late."
    if not may_mend:
        return Notice(text)
    return Notice(f"{text} {late.said}", reverse("admin:mailchannel_mailserver_change", args=[server.pk]))


def _moment(moment: datetime) -> str:
    """10:32, with the day unless it is today."""
    local = timezone.localtime(moment)
    today = local.date() == timezone.localdate()
    return date_format(local, "H:i" if today else "j M, H:i")


def _delivery(state: State, error: str) -> Delivery:
    if state == State.RETURNED:
        return Delivery("came back", "bad", error)
    if state == State.FAILED:
        return Delivery("not delivered", "bad", error)
    if state == State.QUEUED and error:
        return Delivery("will be tried again", "warn", error)
    return _STATES[state]


def _facts(mail: ParsedMail) -> Iterator[tuple[str, str]]:
    found = kind_of(mail)
    yield "Kind", f"{KINDS[found.kind]} ({found.sign})" if found.sign else KINDS[found.kind]
    yield "Importance", importance(mail)
    yield "Protection", mail.protection or "neither signed nor encrypted"


def _authentication(row: InboundMail) -> Iterator[tuple[str, str]]:
    """What was said when it was decided: the settings may be others now."""
    for step in row.trace:
        if (step.get("stage"), step.get("code")) == ("gate", "authentication"):
            yield "Authentication", str(step.get("because", ""))


def _piece(line: Mapping[str, Any]) -> Piece:
    verdict = str(line.get("verdict", ""))
    return Piece(
        number=str(line.get("number", "")),
        name=str(line.get("filename", "")),
        claimed=str(line.get("content_type", "")),
        found=str(line.get("detected", "")),
        size=int(line.get("size", 0)),
        fingerprint=str(line.get("sha256", "")),
        verdict=VERDICTS.get(verdict, verdict),
        because=str(line.get("because", "")),
        tone="warn" if verdict == Verdict.STRIPPED else "",
    )


def _links(row: InboundMail, user: User) -> Iterator[tuple[str, str]]:
    """Only where they lead somewhere for this person."""
    if not (isinstance(user, PermissionsMixin) and user.has_perm("mailchannel.view_inboundmail")):
        return
    if not getattr(user, "is_staff", False):
        return
    yield "Why it became this", reverse("admin:mailchannel_inboundmail_change", args=[row.pk])
    if user.has_perm("mailchannel.view_raw_mail") and RawMail.objects.filter(pk=row.pk).exists():
        yield "View source", reverse("admin:mailchannel_inboundmail_source", args=[row.pk])
        yield "Download original", reverse("admin:mailchannel_inboundmail_original", args=[row.pk])
