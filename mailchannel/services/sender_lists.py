"""Put the sender of a mail on the lists of its mail server, or take them off: what that changes, and the doing.

The change is in force at once, as a new version of the settings; a draft that waits for publication gets it as well,
so that publishing does not take it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from mailchannel.kernel.specs import with_defaults
from mailchannel.models import AllowedDomain, MailServer
from mailchannel.pipeline.addressing import domain_fits, first_match, is_ours
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.services import drafts, publish, validation
from mailchannel.services.config import own_addresses

Lists = dict[str, list[str]]

DOMAINS: Final = "allowed_domains"
BLOCKED, AUTOMATIC, EXCEPTIONS = "blocked_senders", "auto_reply_words", "new_tickets_exceptions"
#: Letters an address may have, which stand for any others in a list.
WILD: Final = frozenset("*?")
#: List → its name in sentences.
NAMES: Final[Mapping[str, str]] = {
    DOMAINS: "approved domains",
    BLOCKED: "blocked senders",
    AUTOMATIC: "automatic senders",
    EXCEPTIONS: "senders who may open tickets although others may not",
}


class Verb(StrEnum):
    ALLOW = "allow"
    BLOCK = "block"


class CannotChange(Exception):
    """In words for people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change. `pattern` is the address, or `*@domain`; `changes` are lines like `blocked senders: + …`."""

    pattern: str
    changes: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def plan(server: MailServer, sender: str, *, verb: Verb, whole_domain: bool) -> Plan:
    """Changes nothing. Raises CannotChange."""
    email = _address(server, sender, verb)
    before, after = _lists(server), _changed(server, email, verb, whole_domain=whole_domain)
    changes = tuple(_differences(before, after))
    return Plan(_pattern(email, whole_domain=whole_domain), changes, tuple(_remarks(server, email, before, after)))


@transaction.atomic
def change(server: MailServer, sender: str, *, verb: Verb, whole_domain: bool, by: AbstractBaseUser) -> Plan:
    """Puts it in force and returns what changed. Raises CannotChange."""
    live = MailServer.objects.select_for_update().get(pk=server.pk)
    done = plan(live, sender, verb=verb, whole_domain=whole_domain)
    for each in filter(None, (live, drafts.draft_of(live))):
        email = _address(each, sender, verb)
        before, after = _lists(each), _changed(each, email, verb, whole_domain=whole_domain)
        if before != after:
            _store(each, after)
            publish.settings_changed(each, by=by, changes=list(_differences(before, after)))
    return done


def _address(server: MailServer, sender: str, verb: Verb) -> str:
    try:
        email = validation.address(sender)
    except ValidationError:
        raise CannotChange("This mail names no sender that can be read.") from None
    if not WILD.isdisjoint(email):
        raise CannotChange(f"{email} holds * or ?, which in a list stand for any letters: it would name others, too.")
    if verb is Verb.BLOCK and is_ours(email, own_addresses(server)):
        raise CannotChange(f"{email} is a mailbox of ours. Its mail never becomes a ticket anyway.")
    return email


def _pattern(email: str, *, whole_domain: bool) -> str:
    return f"*@{email.rpartition('@')[2]}" if whole_domain else email


def _lists(server: MailServer) -> Lists:
    options = with_defaults(acceptance_specs(), server.acceptance)
    lines = {name: list(options[name]) for name in (BLOCKED, AUTOMATIC, EXCEPTIONS)}
    return {DOMAINS: [row.domain for row in server.domains.all()], **lines}


def _changed(server: MailServer, email: str, verb: Verb, *, whole_domain: bool) -> Lists:
    lists, pattern = _lists(server), _pattern(email, whole_domain=whole_domain)
    if verb is Verb.BLOCK:
        lists[EXCEPTIONS] = [entry for entry in lists[EXCEPTIONS] if entry != pattern]
        return lists if pattern in lists[BLOCKED] else {**lists, BLOCKED: [*lists[BLOCKED], pattern]}
    for name in (BLOCKED, AUTOMATIC):
        lists[name] = [entry for entry in lists[name] if "@" not in entry or not first_match(email, [entry])]
    domain = email.rpartition("@")[2]
    options = with_defaults(acceptance_specs(), server.acceptance)
    closed = lists[DOMAINS] and options["approved_domains_only"]
    if closed and not any(domain_fits(domain, each) for each in lists[DOMAINS]):
        lists[DOMAINS].append(domain)
    if not options["new_tickets_enabled"] and not first_match(email, lists[EXCEPTIONS]):
        lists[EXCEPTIONS].append(pattern)
    return lists


def _differences(before: Lists, after: Lists) -> list[str]:
    lines = []
    for name, label in NAMES.items():
        gone = [f"− {entry}" for entry in before[name] if entry not in after[name]]
        new = [f"+ {entry}" for entry in after[name] if entry not in before[name]]
        if gone or new:
            lines.append(f"{label}: {', '.join([*gone, *new])}")
    return lines


def _remarks(server: MailServer, email: str, before: Lists, after: Lists) -> list[str]:
    """What somebody who presses the button should know besides."""
    found = []
    new = [domain for domain in after[DOMAINS] if domain not in before[DOMAINS]]
    if new:
        found.append(f"Domains are approved as a whole: everybody at {new[0]} may write then.")
    gone = [entry for name in (BLOCKED, AUTOMATIC) for entry in before[name] if entry not in after[name]]
    wide = [entry for entry in gone if entry != email]
    if wide:
        found.append(f"{wide[0]} names more people than {email}: all of them may write again.")
    options = with_defaults(acceptance_specs(), server.acceptance)
    if options["unknown_senders"] == "refuse" and after != before and after[BLOCKED] == before[BLOCKED]:
        found.append("People nobody knows yet are refused by another setting, which stays as it is.")
    return found


def _store(server: MailServer, lists: Lists) -> None:
    options = with_defaults(acceptance_specs(), server.acceptance)
    lines = {name: lists[name] for name in (BLOCKED, AUTOMATIC, EXCEPTIONS) if list(options[name]) != lists[name]}
    server.update(acceptance={**server.acceptance, **lines})
    kept = list(server.domains.values_list("domain", flat=True))
    AllowedDomain.objects.bulk_create(
        AllowedDomain(server=server, domain=domain) for domain in lists[DOMAINS] if domain not in kept
    )
