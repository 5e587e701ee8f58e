"""Where a new ticket goes: its department, the service and the process it is about, and how urgent it is.

Names of departments, services and processes are the catalogue's; which of those the settings mention exist stands
beside them under `KNOWN`, written there when the mail server is frozen. A name that is gone leaves the ticket without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import Ruling, Step, Thread
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.importance import importance
from mailchannel.pipeline.addressing import place_of, plain
from mailchannel.pipeline.subject_words import says

_PRIORITIES: Final = (("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent"))

ROUTING_SPECS: Final = (
    FieldSpec(
        "module",
        "What does a mail become?",
        Kind.CHOICE,
        "Decides which templates can be chosen.",
        default="ticket",
        choices=(("ticket", "A ticket (incident)"), ("request", "A service request")),
        required=True,
    ),
    FieldSpec("department", "Department", help="Who works on these tickets, unless another address says otherwise."),
    FieldSpec(
        "alias_departments",
        "Department by address",
        Kind.LINES,
        "One a line: an address of this mailbox and the department mail to it goes to, "
        "such as hr@example.com = Human Resources.",
        default=(),
    ),
    FieldSpec("service", "Affected service", help="The service these tickets are about, unless the subject says so."),
    FieldSpec(
        "classify_services",
        "Find the service by the subject",
        Kind.SWITCH,
        "The first line below whose word stands in the subject decides.",
        default=False,
    ),
    FieldSpec(
        "service_words",
        "Words and their services",
        Kind.LINES,
        "One a line: words, then the service, such as payroll, salary = HR Service.",
        default=(),
    ),
    FieldSpec(
        "classify_processes",
        "Find the process by the subject",
        Kind.SWITCH,
        "The first line below whose word stands in the subject decides.",
        default=False,
    ),
    FieldSpec(
        "process_words",
        "Words and their processes",
        Kind.LINES,
        "One a line: words, then the process, such as new employee = Employee onboarding.",
        default=(),
    ),
    FieldSpec(
        "full_subject_match",
        "Only a whole subject counts",
        Kind.SWITCH,
        "On: “payroll” finds the subject “Payroll” and not “Question about payroll”.",
        default=False,
    ),
    FieldSpec("priority_high", "Mail of high importance", Kind.CHOICE, default="high", choices=_PRIORITIES),
    FieldSpec("priority_normal", "Mail of normal importance", Kind.CHOICE, default="normal", choices=_PRIORITIES),
    FieldSpec("priority_low", "Mail of low importance", Kind.CHOICE, default="low", choices=_PRIORITIES),
)

STAGE: Final = "route"
#: Key among the frozen settings: kind of the catalogue → those of the mentioned names that exist.
KNOWN: Final = "known"
#: What a ticket belongs to → kind of the catalogue.
KINDS: Final = {"department": "departments", "service": "services", "process": "processes"}


@dataclass(frozen=True, slots=True)
class Route:
    """Names; an empty one leaves the ticket without. An empty `priority` leaves the mapped one."""

    department: str = ""
    service: str = ""
    process: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A name, what chose it and why. Without `because` nothing was there to choose by, and the trace stays silent."""

    name: str = ""
    by: str = "empty"
    because: str = ""


def route(mail: ParsedMail, channel: Channel, thread: Thread) -> Ruling[Route]:
    """A mail that answers a ticket moves it nowhere."""
    if thread.number:
        kept = f"{thread.number} keeps its department, service, process and priority"
        return Ruling(Route(), (Step(STAGE, "ticket", "kept", kept),))
    settings = with_defaults(ROUTING_SPECS, channel.routing)
    chosen = {
        "department": _department(mail, settings),
        "service": _by_subject(mail, settings, "service"),
        "process": _by_subject(mail, settings, "process"),
    }
    known = channel.routing.get(KNOWN, {})
    chosen = {what: _existing(what, choice, known.get(KINDS[what], ())) for what, choice in chosen.items()}
    chosen["priority"] = _priority(mail, channel, settings)
    steps = (Step(STAGE, what, choice.by, choice.because) for what, choice in chosen.items() if choice.because)
    return Ruling(Route(**{what: choice.name for what, choice in chosen.items()}), tuple(steps))


def assignments(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(what stands before the last “=”, the name after it) of each line that has both."""
    for line in lines:
        left, _, name = (part.strip() for part in line.rpartition("="))
        if left and name:
            yield left, name


def words_of(left: str) -> list[str]:
    return [word.strip() for word in left.split(",") if word.strip()]


def _department(mail: ParsedMail, settings: Mapping[str, Any]) -> _Choice:
    """The first address of the table the mail was sent to, To before Cc before what the servers on the way wrote."""
    table = {address.lower(): name for address, name in reversed(list(assignments(settings["alias_departments"])))}
    place = place_of(mail, table) if table else None
    if place and place.address:
        name = table.get(place.address) or table[plain(place.address)]
        return _Choice(name, "address", f"{place.because}, which goes to “{name}”")
    return _standard("department", settings, "no address of the table stands in the mail" if table else "")


def _by_subject(mail: ParsedMail, settings: Mapping[str, Any], what: str) -> _Choice:
    plural = KINDS[what]
    if not settings[f"classify_{plural}"]:
        return _standard(what, settings, "")
    whole = bool(settings["full_subject_match"])
    for left, name in assignments(settings[f"{what}_words"]):
        for word in words_of(left):
            if says(mail.subject, word, whole=whole):
                where = "the subject is" if whole else "the subject says"
                return _Choice(name, "subject", f"{where} “{word}”, which means “{name}”")
    return _standard(
        what, settings, "the subject is none of the words" if whole else "the subject has none of the words"
    )


def _standard(what: str, settings: Mapping[str, Any], why: str) -> _Choice:
    name = settings.get(what, "")
    said = "; ".join(filter(None, (why, f"“{name}” is set for all tickets" if name else "")))
    return _Choice(name, "default" if name else "empty", said)


def _existing(what: str, choice: _Choice, names: Iterable[str]) -> _Choice:
    if not choice.name or choice.name in names:
        return choice
    gone = f"but there is no {what} “{choice.name}” any more, so the ticket has none"
    return _Choice(because=f"{choice.because}; {gone}")


def _priority(mail: ParsedMail, channel: Channel, settings: Mapping[str, Any]) -> _Choice:
    """Only where the importance fills the priority; another property or a fixed value stays as it is mapped."""
    if not any(rule.field == "priority" and rule.property == "importance" for rule in channel.mapping):
        return _Choice()
    level = importance(mail)
    priority = settings[f"priority_{level}"]
    return _Choice(priority, "importance", f"mail of {level} importance has the priority {priority}")
