"""The settings and the known facts a decision may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailchannel.kernel.decisions import NO_THREAD, Thread
from mailchannel.kernel.types import ParsedMail


@dataclass(frozen=True, slots=True)
class MappingRule:
    """One ticket field, the mail property that fills it, and what to do without one."""

    field: str
    label: str = ""
    kind: str = "text"  # text, paragraph, number, date, boolean, choice, email, attachments
    choices: tuple[str, ...] = ()
    required: bool = False
    property: str = ""
    default: str = ""
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A mail server's settings, frozen for one run."""

    name: str
    address: str
    aliases: tuple[str, ...] = ()
    other_mailboxes: frozenset[str] = frozenset()  # addresses of every other mail server of ours
    allowed_domains: tuple[str, ...] = ()
    acceptance: Mapping[str, Any] = field(default_factory=dict)  # option name of a gate → stored value
    sync_start: datetime | None = None
    template: str = ""
    ticket_type: str = ""
    whitelisted_types: tuple[str, ...] = ()
    attach_email: bool = False
    routing: Mapping[str, Any] = field(default_factory=dict)  # name of a routing setting → stored value
    files: Mapping[str, Any] = field(default_factory=dict)  # name of an attachment setting → value in force
    mapping: tuple[MappingRule, ...] = ()
    version: int = 0
    server: int = 0  # key of the mail server in force, for looking things up; 0: it is not stored

    @property
    def own_addresses(self) -> frozenset[str]:
        """This mailbox under all its names."""
        return frozenset((self.address, *self.aliases))


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What a decision may know of an existing ticket."""

    number: str
    ticket_type: str = ""
    participants: frozenset[str] = frozenset()  # canonical addresses


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database already knows about this mail. Read once, before deciding."""

    received_at: datetime | None = None  # when the server took it in; never the Date header
    duplicate_of: str = ""  # words naming the first copy, empty when there is none
    same_words_as: str = ""  # words naming a mail that just said the same, empty when there is none
    #: proof → ticket number, strongest kind of proof first
    signed_ids: Mapping[str, str] = field(default_factory=dict)  # message ids of ours the mail refers to
    reply_addresses: Mapping[str, str] = field(default_factory=dict)  # signed addresses it was sent to
    known_ids: Mapping[str, str] = field(default_factory=dict)  # other mails of these conversations
    reported: Mapping[str, str] = field(default_factory=dict)  # our own mails a delivery report is about
    subject_tag: str = ""
    tickets: Mapping[str, TicketFacts] = field(default_factory=dict)
    sender_known: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One mail before the gates, with everything they may look at."""

    mail: ParsedMail
    channel: Channel
    facts: Facts
    thread: Thread = NO_THREAD

    @property
    def is_reply(self) -> bool:
        return bool(self.thread.number)
