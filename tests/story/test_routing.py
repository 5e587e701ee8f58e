"""Mails go where the settings send them: department, service, process and priority of the ticket."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailchannel.models import MailServer
from mailchannel.services.config_file import ConfigError, apply, export, read
from mailchannel.services.explain import explain
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tickets.models import Department, Process, Service, Ticket

pytestmark = pytest.mark.django_db

ROUTING = {
    "department": "IT Helpdesk",
    "alias_departments": ["hr@example.com = Human Resources"],
    "classify_services": True,
    "service_words": ["payroll, salary = HR Service"],
    "classify_processes": True,
    "process_words": ["new employee = Employee onboarding"],
    "priority_high": "urgent",
}


@pytest.fixture(autouse=True)
def names() -> None:
    for model, found in (
        (Department, ("IT Helpdesk", "Human Resources")),
        (Service, ("HR Service",)),
        (Process, ("Employee onboarding",)),
    ):
        for name in found:
            model.objects.create(name=name)


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    server = new_server(routing=ROUTING)
    server.aliases.create(address="hr@example.com")
    return server


def belongs(ticket: Ticket) -> tuple[str, ...]:
    return tuple(str(each or "") for each in (ticket.department, ticket.service, ticket.process))


@pytest.mark.req("S0-48", "S1-31", "S1-35", "S2-16", "S2-17", "S2-18", "S2-22", "S2-24")
def test_a_mail_opens_its_ticket_where_it_belongs(receive: Receive) -> None:
    mail = letter(to="hr@example.com", subject="Payroll of the new employee", Importance="high")

    row = receive(mail)

    ticket = Ticket.objects.get()
    assert belongs(ticket) == ("Human Resources", "HR Service", "Employee onboarding")
    assert (ticket.priority, ticket.source) == ("urgent", "email")
    said = {step["code"]: step["because"] for step in row.trace if step["stage"] == "route"}
    assert said["department"] == "hr@example.com stands in To, which goes to “Human Resources”"
    assert said["service"] == "the subject says “payroll”, which means “HR Service”"
    assert said["priority"] == "mail of high importance has the priority urgent"


@pytest.mark.req("S2-24")
def test_any_other_mail_goes_to_the_department_of_the_mailbox(receive: Receive) -> None:
    receive(letter())

    assert belongs(Ticket.objects.get()) == ("IT Helpdesk", "", "")


@pytest.mark.req("S2-24")
def test_an_answer_leaves_its_ticket_where_an_agent_put_it(receive: Receive) -> None:
    receive(letter(message_id="first@customer.example"))
    Ticket.objects.update(department=None, priority="low")

    receive(
        letter(to="hr@example.com", subject="Re: payroll", In_Reply_To="<first@customer.example>", Importance="high")
    )

    ticket = Ticket.objects.get()
    assert ticket.notes.count() == 2
    assert (belongs(ticket), ticket.priority) == (("", "", ""), "low")


@pytest.mark.req("S2-24")
def test_a_department_that_is_gone_does_not_keep_the_mail_out(receive: Receive) -> None:
    Department.objects.filter(name="IT Helpdesk").delete()

    row = receive(letter())

    assert row.outcome == "opened"
    assert belongs(Ticket.objects.get()) == ("", "", "")
    assert "there is no department “IT Helpdesk” any more" in str(row.trace)


@pytest.mark.req("S2-24")
def test_several_mails_are_routed_each_for_itself(server: MailServer, receive: Receive) -> None:
    for to, subject in (("hr@example.com", "Salary"), ("support@example.com", "Printer")):
        receive(letter(to=to, subject=subject))

    assert sorted(map(belongs, Ticket.objects.all())) == [
        ("Human Resources", "HR Service", ""),
        ("IT Helpdesk", "", ""),
    ]


def test_a_dry_run_says_the_same(server: MailServer) -> None:
    decision = explain(server, letter(to="hr@example.com", subject="Payroll")).decision

    assert decision.draft
    assert (decision.draft.department, decision.draft.service) == ("Human Resources", "HR Service")


FILE = """
departments: [Sales]
mail_servers:
  - name: Orders
    address: orders@example.com
    aliases: [shop@example.com]
    ticket:
      routing:
        department: Sales
        alias_departments:
          - SHOP@example.com = Sales
        classify_services: true
        service_words: ["invoice,bill=HR Service"]
"""


@pytest.mark.req("S2-18", "S2-24")
def test_routing_lives_in_the_settings_file() -> None:
    apply(read(FILE, folder=Path()))

    routing = MailServer.objects.get().routing
    assert routing["alias_departments"] == ["shop@example.com = Sales"]
    assert routing["service_words"] == ["invoice, bill = HR Service"]
    assert "shop@example.com = Sales" in export()


@pytest.mark.req("S2-18", "S2-22", "S2-24")
@pytest.mark.parametrize(
    ("old", "new", "line", "path", "text"),
    [
        ("department: Sales", "department: Sale", 9, "department", "no department “Sale”. Did you mean “Sales”?"),
        ("SHOP@", "other@", 11, "alias_departments[0]", "other@example.com is no address of this mailbox"),
        ("=HR Service", "=Billing", 13, "service_words[0]", "there is no service “Billing”. Add it"),
        ("invoice,bill=", "", 13, "service_words[0]", "Write it like payroll, salary = HR Service."),
    ],
)
def test_a_wrong_line_of_the_file_is_named(old: str, new: str, line: int, path: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        apply(read(FILE.replace(old, new), folder=Path()))

    (problem,) = refused.value.problems
    assert (problem.line, problem.path) == (line, f"mail_servers[0].ticket.routing.{path}")
    assert text in problem.text
    assert not MailServer.objects.exists()
