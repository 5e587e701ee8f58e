"""The lists of tickets: what is in them, searching, paging, and noticing news."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.pages.conftest import NewTicket
from tickets import queue, services
from tickets.hooks import Notice, hooks
from tickets.models import Ticket

HTMX = {"HX-Request": "true"}


def titles(desk: Client, address: str) -> list[str]:
    return re.findall(r'class="title cut">([^<]*)<', desk.get(address).content.decode())


@pytest.fixture
def five(new_ticket: NewTicket, agent: User) -> dict[str, Ticket]:
    """One ticket for each list; titles are the lists' keys."""
    other = User.objects.create_user("jonas")
    tickets = {name: new_ticket(name) for name in ("mine", "unassigned", "theirs", "waiting", "solved")}
    services.assign(ticket=tickets["mine"], agent=agent, to=agent)
    services.assign(ticket=tickets["theirs"], agent=agent, to=other)
    services.set_status(ticket=tickets["waiting"], agent=agent, status="waiting")
    services.set_status(ticket=tickets["solved"], agent=agent, status="solved")
    return tickets


def test_each_list_shows_its_tickets_newest_first(desk: Client, five: dict[str, Ticket]) -> None:
    assert titles(desk, "/?view=mine") == ["mine"]
    assert titles(desk, "/?view=unassigned") == ["unassigned"]
    assert titles(desk, "/?view=open") == ["theirs", "mine", "unassigned"]
    assert titles(desk, "/?view=waiting") == ["waiting"]
    assert titles(desk, "/?view=solved") == ["solved"]
    assert titles(desk, "/") == titles(desk, "/?view=open")
    assert titles(desk, "/?view=nonsense") == ["mine"]


def test_lists_say_how_many_tickets_they_hold(desk: Client, five: dict[str, Ticket]) -> None:
    page = " ".join(desk.get("/").content.decode().split())

    for line in ("My open <small>1</small>", "All open <small>3</small>", "Waiting for customer <small>1</small>"):
        assert line in page


def test_counting_stops_at_a_thousand(agent: User, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "COUNT_LIMIT", 2)
    new_ticket(), new_ticket(), new_ticket()

    assert queue.counts(agent)["open"] == "1+"


def test_an_empty_list_teaches(desk: Client) -> None:
    assert "Take a ticket from “Unassigned”" in desk.get("/?view=mine").content.decode()


def test_a_row_shows_who_wrote_last(desk: Client, agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket(text="first\n\nline   by line")
    assert "first line by line" in desk.get("/?view=open").content.decode()

    services.write_private_note(ticket=ticket, agent=agent, text="between us")
    assert "<i>Note:</i> between us" in desk.get("/?view=open").content.decode()


@pytest.mark.parametrize("words", ["printer", "PRINTER", "bert", "bert@example", "Bert Blau"])
def test_searching_looks_at_titles_and_requesters(desk: Client, new_ticket: NewTicket, words: str) -> None:
    new_ticket("Something else")
    new_ticket("Printer on fire", requester_email="bert@example.com", requester_name="Bert Blau")

    assert titles(desk, f"/?q={words}") == ["Printer on fire"]


def test_searching_for_a_number_opens_the_ticket(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    for words in (ticket.number, ticket.number.lower(), ticket.number.removeprefix("HD-"), f" {ticket.number} "):
        assert desk.get("/", {"q": words})["Location"] == f"/tickets/{ticket.number}/"


def test_searching_for_what_is_not_there_says_where_we_looked(desk: Client) -> None:
    page = desk.get("/?q=<script>").content.decode()

    assert "Nothing found for “&lt;script&gt;”" in page


def test_older_tickets_follow_page_by_page(
    desk: Client, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE_SIZE", 2)
    for number in range(5):
        new_ticket(f"ticket {number}")
    Ticket.objects.update(updated=Ticket.objects.latest("updated").updated)  # the key alone has to tell them apart

    seen, address = [], "/?view=open"
    while address:
        page = desk.get(address).content.decode()
        seen += titles(desk, address)
        link = re.search(r'href="([^"]*)" rel="next"', page)
        address = link[1].replace("&amp;", "&") if link else ""

    assert seen == [f"ticket {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("cursor", ["", "x", "~", "2026-01-01~1", "2026-01-01T00:00:00+00:00~x", "9" * 99])
def test_a_broken_cursor_shows_the_first_page(desk: Client, new_ticket: NewTicket, cursor: str) -> None:
    new_ticket("here")

    assert titles(desk, f"/?view=open&after={cursor}") == ["here"]


def test_polling_answers_with_nothing_until_something_changes(desk: Client, agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket("first")
    address = re.search(r'hx-get="([^"]*)"', desk.get("/?view=open").content.decode())
    assert address
    poll = address[1].replace("&amp;", "&")

    assert desk.get(poll, headers=HTMX).status_code == 204

    services.assign(ticket=ticket, agent=agent, to=agent)
    news = desk.get(poll, headers=HTMX)
    assert news.status_code == 200
    assert 'id="list"' in news.content.decode() and "<html" not in news.content.decode()


def test_later_pages_do_not_poll(desk: Client, new_ticket: NewTicket) -> None:
    new_ticket()

    assert "hx-get" not in desk.get("/?view=open&after=2030-01-01T00:00:00%2B00:00~9").content.decode()


@pytest.mark.req("S1-36")
def test_a_broken_channel_is_announced_beside_the_lists(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "notices", [lambda user: [Notice("Support cannot be reached.", "/admin/x/", "bad")]])

    page = desk.get("/").content.decode()

    assert "Support cannot be reached." in page and 'href="/admin/x/"' in page


def test_the_number_of_queries_does_not_grow_with_the_list(desk: Client, new_ticket: NewTicket) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            desk.get("/?view=open")
        return len(captured)

    new_ticket()
    few = queries()
    for _ in range(10):
        new_ticket()

    assert queries() == few


MARKUP = "<b onmouseover=alert(1)>\"'{{ 7|add:7 }}"


def test_markup_in_a_mail_is_text_everywhere(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(MARKUP, text=MARKUP, requester_name=MARKUP)

    for address in ("/?view=open", f"/tickets/{ticket.number}/", "/?q=b"):
        page = desk.get(address).content.decode()
        assert "<b onmouseover" not in page
        assert "&lt;b onmouseover=alert(1)&gt;" in page and "{{ 7|add:7 }}" in page
