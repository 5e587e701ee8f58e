"""A mail server's settings in words: what will happen to a mail that is written to this address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime

from mailchannel.kernel.specs import with_defaults
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FolderMapping, MailServer
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import file_settings
from mailchannel.services.spec_check import spec_problems
from tickets.api import template_fields

Role = FolderMapping.Role


def promises(server: MailServer) -> list[tuple[str, str]]:
    """(question, answer)."""
    accept = with_defaults(acceptance_specs(), server.acceptance)
    return [
        ("When do we look?", _when(server)),
        ("Who may write?", _who(server, accept)),
        ("What becomes of it?", _what(server)),
        ("What is left out?", " ".join(_left_out(accept))),
        ("Which files are kept?", _files(server)),
        ("Where does the mail go?", _where(server)),
        ("How do answers leave?", _answers(server)),
    ]


def _when(server: MailServer) -> str:
    sources = [row.folder for row in server.folders.all() if row.role == Role.SOURCE]
    minutes = server.fetch_every_minutes
    often = "Every minute" if minutes == 1 else f"Every {minutes} minutes"
    where = f"{_quoted(sources)} of {server.address}" if sources else server.address
    pause = f", except {_listed(server.skip_times)}" if server.skip_times else ""
    return f"{often} we look into {where}{pause}. {_start(server)}"


def _start(server: MailServer) -> str:
    if server.sync_start is None:
        return "Mail that arrived before you publish stays untouched."
    moment = date_format(localtime(server.sync_start), "j F Y, H:i")
    return f"Mail that arrived before {moment} stays untouched."


def _who(server: MailServer, accept: dict[str, Any]) -> str:
    domains = [row.domain for row in server.domains.all()]
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
    success, fail, exclusion = (server.folder(role) for role in (Role.SUCCESS, Role.FAIL, Role.EXCLUSION))
    return (
        f"Processed mail moves to “{success}”, ignored mail to “{exclusion}”, failed and refused mail to “{fail}”. "
        "Nothing is deleted."
    )


def _answers(server: MailServer) -> str:
    host = server.sending.get("host")
    if not host:
        return "Not at all: sending is not set up."
    back = f", and customers' answers go to {server.reply_to}" if server.reply_to else ""
    return f"As {server.address} through {host}{back}."


def _quoted(words: Any, conjunction: str = "and") -> str:
    return _listed([f"“{word}”" for word in words], conjunction)


def _listed(words: list[str], conjunction: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
