"""A mail server's settings in words: what will happen to a mail that is written to this address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.timezone import localtime

from mailchannel.kernel.specs import with_defaults
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FolderMapping, MailServer
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import after, file_settings, leaving
from mailchannel.services.after import Action, Deed
from mailchannel.services.inbox import door, is_inbox
from mailchannel.services.lately import DAYS, MOST_COUNTED, Lately, lately
from mailchannel.services.legible import legible
from mailchannel.services.same_mailbox import readers
from mailchannel.services.spec_check import spec_problems
from mailchannel.transports.forwarding import DOORS
from tickets.api import template_fields

Role = FolderMapping.Role
#: What is said of a number → the reasons it counts.
ACCEPTED: Final = {
    "opened a ticket": ("accepted.new",),
    "joined one": ("accepted.reply",),
    "told of mail that came back": ("accepted.bounce",),
    "could not be processed": ("failed.",),
}
TURNED_AWAY: Final = {
    "blocked": ("ignored.blocked",),
    "from other domains": ("rejected.domain",),
    "from people we do not know": ("rejected.unknown_user",),
    "that may open no ticket": ("rejected.new_tickets",),
    "with an unreadable sender": ("rejected.sender_unreadable",),
    "held as forged": ("held.",),
}
LEFT_OUT: Final = {
    "automatic": ("ignored.auto_reply",),
    "not addressed to us": ("ignored.not_addressed",),
    "with another subject": ("ignored.subject",),
    "to tickets of other types": ("ignored.ticket_type",),
    "from before the start date": ("ignored.before_start_date",),
    "delivery reports": ("ignored.bounce",),
    "of our own": ("ignored.own_mail",),
    "received before": ("duplicate.",),
}
FILED: Final = {"moved": "moved", "deleted": "deleted there", "kept": "left in place", "pending": "still to be filed"}
SENT: Final = {"sent": "sent", "queued": "waiting", "failed": "not sent", "returned": "came back"}


@dataclass(frozen=True, slots=True)
class Promise:
    """What the settings say to a question, and how often it happened lately."""

    question: str
    answer: str
    lately: str = ""


def promises(server: MailServer) -> list[Promise]:
    """With the numbers of the last days where the mail server has been at work."""
    files = _files(server)
    server = legible(server)
    accept = with_defaults(acceptance_specs(), server.acceptance)
    seen = lately(server)
    return [
        Promise(*_when(server), _told(seen, _received(seen))),
        Promise("Who may write?", _who(server, accept), _told(seen, _counted(seen, TURNED_AWAY))),
        Promise("What becomes of it?", _what(server), _told(seen, _counted(seen, ACCEPTED))),
        Promise("What is left out?", " ".join(_left_out(accept)), _told(seen, _counted(seen, LEFT_OUT))),
        Promise("Which files are kept?", files),
        Promise("Where does the mail go?", _where(server), _told(seen, _filed(seen))),
        Promise("How do answers leave?", _answers(server), _told(seen, _sent(seen))),
    ]


def _told(seen: Lately, numbers: list[str]) -> str:
    """Nothing for a mail server that has not been at work."""
    if not numbers or not (seen.received or seen.sent):
        return ""
    span = f"Last {DAYS} days" if seen.all_of_them else f"Of the latest {MOST_COUNTED:,} mails"
    return f"{span}: {_listed(numbers)}."


def _received(seen: Lately) -> list[str]:
    return [f"{seen.received:,} mail{'' if seen.received == 1 else 's'} came in"] if seen.received else []


def _counted(seen: Lately, what: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Every gate by its name, with how many mails it ended; those that ended none are left out."""
    numbers = {words: seen.ended(*reasons) for words, reasons in what.items()}
    return [f"{mails:,} {words}" for words, mails in numbers.items() if mails]


def _filed(seen: Lately) -> list[str]:
    numbers = {words: seen.remote[state] for state, words in FILED.items()}
    return [f"{mails:,} {words}" for words, mails in numbers.items() if mails]


def _sent(seen: Lately) -> list[str]:
    numbers = {words: seen.sent[state] for state, words in SENT.items()}
    return [f"{mails:,} {words}" for words, mails in numbers.items() if mails]


def _when(server: MailServer) -> tuple[str, str]:
    """(question, answer)"""
    if is_inbox(server):
        bringer = DOORS[door(server)]
        by = f"a{bringer[1:]}" if bringer.startswith("A ") else bringer
        return "When does mail come?", f"Whenever it is brought, by {by}. {_start(server)}"
    sources = [row.folder for row in server.folders.all() if row.role == Role.SOURCE]
    often = minutely(server.fetch_every_minutes).capitalize()
    where = f"{_quoted(sources)} of {server.address}" if sources else server.address
    pause = f", except {_listed(server.skip_times)}" if server.skip_times else ""
    return "When do we look?", f"{often} we look into {where}{pause}. {_start(server)}"


def minutely(minutes: int) -> str:
    return "every minute" if minutes == 1 else f"every {minutes} minutes"


def _start(server: MailServer) -> str:
    if server.sync_start is None:
        if is_inbox(server):
            return "Until you publish none is taken: it is brought again later."
        return f"Mail that arrived before you publish stays untouched{_unless(server)}."
    moment = date_format(localtime(server.sync_start), "j F Y, H:i")
    return f"Mail that arrived before {moment} stays untouched."


def _unless(server: MailServer) -> str:
    names = _quoted([each.server.name for each in readers(server)])
    return f", unless this one goes on where {names} stops" if names else ""


def _who(server: MailServer, accept: dict[str, Any]) -> str:
    domains = [row.domain for row in server.domains.all()] if accept.get("approved_domains_only") else []
    everybody = f"Everybody at {_listed(domains)}" if domains else "Everybody"
    known = " who has written before" if accept.get("unknown_senders") == "refuse" else ""
    blocked = len(accept.get("blocked_senders") or ())
    but = f", but none of {blocked} blocked sender{'' if blocked == 1 else 's'}" if blocked else ""
    return f"{everybody}{known}{but}. Answers join a ticket only when their writer takes part in it."


def _what(server: MailServer) -> str:
    if server.template is None:
        return "Nothing yet: no ticket template is chosen."
    labels = {each.name: each.label.lower() for each in PROPERTIES.values()}
    fields = {field.key: field.label.lower() for field in template_fields(server.template_id)}
    parts = [
        f"{fields[row.field]} from {labels[row.property]}"
        for row in server.mappings.all()
        if row.field in fields and row.property in labels
    ]
    whole = " The complete mail is attached." if server.attach_email else ""
    return f"A ticket of the template “{server.template}”: {_listed(parts)}.{whole}"


def _left_out(accept: dict[str, Any]) -> Iterator[str]:
    if accept.get("exclude_auto_replies"):
        yield "Automatic mail."
    if words := accept.get("auto_reply_words"):
        yield f"Mail with {_quoted(words)}."
    if accept.get("only_if_in_to"):
        yield "Mail that has our address in Cc or Bcc only."
    if accept.get("subject_must_match"):
        yield f"Mail whose subject is not {_quoted(accept['subject_must_match'], 'or')}."
    if not accept.get("new_tickets_enabled", True):
        yield "Mail that would open a new ticket, some senders excepted."
    yield "Delivery reports, our own mail and second copies."


def _files(server: MailServer) -> str:
    rules = file_settings.in_force(server)
    if any(spec_problems(FILE_SPECS, rules)):
        return "Not clear yet: one of the attachment rules has to be mended first."
    listed = rules["attachment_extensions"]
    kept = {
        "restrict": f"All but {_quoted(listed, 'and')}" if listed else "All but programs and scripts",
        "allow": f"Only {_quoted(listed, 'and')}" if listed else "All",
        "off": "All",
    }[rules["attachment_extension_rule"]]
    told = "Whoever sent a file that is left out is told." if rules["notify_stripped"] else "Nobody is told of others."
    return f"{kept}, up to {rules['attachment_max_mb']} MB each. {told}"


def _where(server: MailServer) -> str:
    """Each end in the order of its settings; what stays untouched comes last."""
    if not after.specs_of(server.protocol):
        return "It is brought to us and kept here."
    deeds = after.deeds(server)
    by_deed: dict[Deed, list[str]] = {}
    for end, words in {"processed": "processed", "ignored": "ignored", "failed": "failed or refused"}.items():
        by_deed.setdefault(deeds[end], []).append(words)
    said = [_done(deed, _listed(mail)) for deed, mail in sorted(by_deed.items(), key=_weight)]
    deleted = any(deed.action is Action.DELETE for deed in by_deed)
    last = "Its original is kept here." if deleted else "Nothing is deleted."
    return " ".join([*said, last])


def _weight(entry: tuple[Deed, list[str]]) -> int:
    return list(Action).index(entry[0].action)


def _done(deed: Deed, mail: str) -> str:
    words = {
        Action.MOVE: f"moves to “{deed.folder}”",
        Action.READ: "is marked as read and stays where it is",
        Action.DELETE: "is deleted on the mail server",
        Action.LEAVE: "stays where it is, untouched",
    }
    return f"{mail.capitalize()} mail {words[deed.action]}."


def _answers(server: MailServer) -> str:
    way_out = leaving.through(server)
    if not way_out:
        return "Not at all: sending is not set up."
    back = f", and customers' answers go to {server.reply_to}" if server.reply_to else ""
    return f"As {server.address} through {way_out}{back}."


def _quoted(words: Any, conjunction: str = "and") -> str:
    return _listed([f"“{word}”" for word in words], conjunction)


def _listed(words: list[str], conjunction: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
