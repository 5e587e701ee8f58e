"""Where a new ticket goes: its department, the service and the process it is about, and how urgent it is."""

from __future__ import annotations

from typing import Final

from mailchannel.kernel.specs import FieldSpec, Kind

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
