"""Where a mail's ticket goes, decided on plain data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailchannel.kernel.channel import Channel, Facts, MappingRule, TicketFacts
from mailchannel.kernel.decisions import NO_THREAD, Thread
from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.pipeline.decide import decide
from mailchannel.pipeline.routing import KNOWN, Route, route
from mailchannel.pipeline.subject_words import says

SUPPORT, HR, FINANCE = "support@example.com", "hr@example.com", "finance@example.com"
MAIL = ParsedMail(sender=Address("ann@customer.example", "Ann"), to=(Address(SUPPORT),), subject="Printer")
IMPORTANCE = MappingRule("priority", kind="choice", choices=("low", "normal", "high", "urgent"), property="importance")
EXIST = {
    "departments": {"IT Helpdesk", "Human Resources", "Finance"},
    "services": {"HR Service", "Email System", "Database Services"},
    "processes": {"Employee onboarding"},
}


def channel(mapping: tuple[MappingRule, ...] = (), **routing: object) -> Channel:
    own = {"aliases": (HR, FINANCE), "mapping": mapping}
    return Channel("Support", SUPPORT, routing={KNOWN: EXIST, **routing}, **own)  # type: ignore[arg-type]


def to(*addresses: str, **changes: object) -> ParsedMail:
    return replace(MAIL, to=tuple(map(Address, addresses)), **changes)  # type: ignore[arg-type]


BY_ADDRESS = {
    "department": "IT Helpdesk",
    "alias_departments": [f"{HR} = Human Resources", f"{FINANCE} = Finance"],
}


@pytest.mark.req("S2-24")
@pytest.mark.parametrize(
    ("mail", "department", "by"),
    [
        (to(SUPPORT), "IT Helpdesk", "default"),
        (to(HR), "Human Resources", "address"),
        (to("hr+x@example.com"), "Human Resources", "address"),
        (to(SUPPORT, HR), "Human Resources", "address"),
        (to(FINANCE, HR), "Finance", "address"),
        (to(SUPPORT, cc=(Address(HR),)), "Human Resources", "address"),
        (to("x@other.example", headers={"delivered-to": (HR,)}), "Human Resources", "address"),
        (to("x@other.example", headers={"x-original-to": (FINANCE,)}), "Finance", "address"),
        (to("hr@other.example"), "IT Helpdesk", "default"),
    ],
)
def test_the_department_is_that_of_the_address_a_mail_was_sent_to(mail: ParsedMail, department: str, by: str) -> None:
    ruling = route(mail, channel(**BY_ADDRESS), NO_THREAD)

    step = next(step for step in ruling.steps if step.code == "department")
    assert ruling.value.department == department
    assert (step.stage, step.verdict) == ("route", by)
    assert f"“{department}”" in step.because


WORDS = {
    "classify_services": True,
    "service_words": ["payroll, salary = HR Service", "mail, outlook = Email System"],
    "service": "Database Services",
}


@pytest.mark.req("S2-16", "S2-17", "S2-18")
@pytest.mark.parametrize(
    ("subject", "service"),
    [
        ("Payroll access issue", "HR Service"),
        ("My SALARY   is missing", "HR Service"),
        ("Outlook lost my payroll", "HR Service"),  # the first line that fits, not the first word
        ("No mail since Monday", "Email System"),
        ("Mailing list", "Database Services"),
        ("Printer on fire", "Database Services"),
    ],
)
def test_the_service_is_found_by_words_of_the_subject(subject: str, service: str) -> None:
    assert route(replace(MAIL, subject=subject), channel(**WORDS), NO_THREAD).value.service == service


@pytest.mark.req("S2-18")
def test_without_the_switch_the_subject_says_nothing_about_the_service() -> None:
    settings = {**WORDS, "classify_services": False}

    assert route(replace(MAIL, subject="Payroll"), channel(**settings), NO_THREAD).value.service == "Database Services"


@pytest.mark.req("S2-21")
@pytest.mark.parametrize(
    ("subject", "service"),
    [("Payroll", "HR Service"), (" payroll ", "HR Service"), ("Question about payroll", "Database Services")],
)
def test_only_a_whole_subject_counts_where_that_is_asked_for(subject: str, service: str) -> None:
    settings = channel(**WORDS, full_subject_match=True)

    assert route(replace(MAIL, subject=subject), settings, NO_THREAD).value.service == service


@pytest.mark.req("S2-22")
def test_the_process_is_found_by_words_of_the_subject() -> None:
    settings = channel(classify_processes=True, process_words=["new employee = Employee onboarding"])

    ruling = route(replace(MAIL, subject="A new employee on Monday"), settings, NO_THREAD)

    assert ruling.value.process == "Employee onboarding"
    assert route(MAIL, settings, NO_THREAD).value.process == ""
    assert "the subject says “new employee”" in ruling.steps[0].because


@pytest.mark.req("S0-48", "S1-31")
@pytest.mark.parametrize(
    ("importance", "priority"), [("high", "urgent"), ("normal", "normal"), ("low", "normal"), ("", "normal")]
)
def test_the_importance_becomes_a_priority_by_the_table(importance: str, priority: str) -> None:
    mail = replace(MAIL, headers={"importance": (importance,)} if importance else {})
    settings = channel((IMPORTANCE,), priority_high="urgent", priority_low="normal")

    decision = decide(mail, settings, Facts())

    assert decision.draft and decision.draft.fields["priority"] == priority


@pytest.mark.req("S0-48")
def test_a_priority_that_is_filled_by_something_else_stays() -> None:
    fixed = replace(IMPORTANCE, property="", default="low")
    mail = replace(MAIL, headers={"importance": ("high",)})

    decision = decide(mail, channel((fixed,), priority_high="urgent"), Facts())

    assert decision.draft and decision.draft.fields["priority"] == "low"


@pytest.mark.req("S2-24")
def test_a_name_that_is_gone_leaves_the_ticket_without_and_says_so() -> None:
    settings = channel(department="Sales", classify_services=True, service_words=["printer = Printing"])

    ruling = route(MAIL, settings, NO_THREAD)

    assert ruling.value == Route()
    assert [(step.code, step.verdict) for step in ruling.steps] == [("department", "empty"), ("service", "empty")]
    assert "there is no department “Sales” any more" in ruling.steps[0].because
    assert "there is no service “Printing” any more" in ruling.steps[1].because


def test_an_answer_moves_its_ticket_nowhere() -> None:
    ruling = route(to(HR, subject="Payroll"), channel(**BY_ADDRESS, **WORDS), Thread("HD-1041"))

    assert ruling.value == Route()
    assert "HD-1041 keeps its department" in ruling.steps[0].because


def test_where_nothing_is_set_the_trace_stays_silent() -> None:
    assert route(MAIL, channel(), NO_THREAD).steps == ()


@pytest.mark.req("S2-16", "S2-24")
def test_the_trace_and_the_draft_of_a_mail_have_its_route() -> None:
    mail = to(HR, subject="Payroll")
    facts = Facts(tickets={"HD-1041": TicketFacts("HD-1041", "Incident", frozenset())})

    decision = decide(mail, channel(**BY_ADDRESS, **WORDS), facts)

    assert decision.draft
    assert (decision.draft.department, decision.draft.service) == ("Human Resources", "HR Service")
    assert [step.code for step in decision.trace if step.stage == "route"] == ["department", "service"]


@pytest.mark.parametrize(
    ("subject", "word", "found"),
    [
        ("Ask HR", "hr", True),
        ("three chairs", "hr", False),
        ("HR: payslip", "HR", True),
        ("HR2 is down", "HR", False),
        ("Straße gesperrt", "STRASSE", True),
        ("給与について", "給与", True),
        ("VPN接続", "VPN", True),
        ("C++ compiler", "C++", True),
        ("U\u0308bersicht fehlt", "Übersicht", True),
        ("anything", "  ", False),
        ("hr" * 5_000 + " hr", "hr", False),  # beyond what is looked at
    ],
)
def test_a_word_stands_by_itself(subject: str, word: str, found: bool) -> None:
    assert says(subject, word) is found
