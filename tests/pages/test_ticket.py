"""Reading and answering one ticket."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.pages.conftest import NewTicket
from tickets import forms, intake, pages, services
from tickets.hooks import Delivery, hooks
from tickets.models import Note, Ticket


def content(desk: Client, ticket: Ticket, query: str = "") -> str:
    return " ".join(desk.get(f"/tickets/{ticket.number}/{query}").content.decode().split())


def send(desk: Client, ticket: Ticket, **fields: Any) -> Any:
    """What the page's form sends, with the page as it is now."""
    newest = ticket.notes.order_by("-pk").values_list("pk", flat=True)[0]
    defaults = {"kind": "reply", "text": "Restart it.", "cc": "", "then": "waiting", "seen": newest}
    return desk.post(f"/tickets/{ticket.number}/", {**defaults, **fields})


@pytest.mark.req("S1-35")
def test_the_page_shows_the_ticket_and_where_it_came_from(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket("VPN drops", text="Every hour.")
    page = content(desk, ticket)

    for piece in ("VPN drops", ticket.number, "Anna Weber", "anna@example.com", "Every hour.", "via Email", "Incident"):
        assert piece in page


def test_messages_and_events_stand_in_the_order_they_happened(desk: Client, agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket(text="FIRST")
    services.assign(ticket=ticket, agent=agent, to=agent)
    services.reply_as_agent(ticket=ticket, agent=agent, text="SECOND")
    services.set_status(ticket=ticket, agent=agent, status="solved")

    page = content(desk, ticket)

    places = [page.index(each) for each in ("Marked as solved", "SECOND", "Assigned to mara", "FIRST")]
    assert places == sorted(places)


def test_new_words_are_shown_and_the_whole_text_is_one_click_away(desk: Client, new_ticket: NewTicket) -> None:
    page = content(desk, new_ticket(text="New words\n\nOn Monday Mara wrote:\n> old words\n", fresh="New words"))

    assert '<div class="words">New words</div> <details class="quoted"><summary>Whole text</summary>' in page
    assert "&gt; old words" in page


def test_a_report_of_a_mail_server_is_a_note_for_agents(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.WAITING, unanswered=False)

    intake.add_report(number=ticket.number, text="anna@example.com was not reached.", undelivered=True)

    ticket.refresh_from_db()
    page = content(desk, ticket)
    assert ticket.status == Ticket.Status.OPEN and ticket.unanswered
    assert "Delivery report" in page and "anna@example.com was not reached." in page
    assert "could not be delivered (it was waiting for the customer)" in page
    assert ticket.notes.latest("pk").visibility == "private"


def test_a_report_about_a_delay_leaves_the_ticket_as_it_is(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.WAITING, unanswered=False)

    intake.add_report(number=ticket.number, text="It will be tried again.", undelivered=False)

    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.WAITING and not ticket.unanswered


def test_web_addresses_in_a_text_can_be_clicked_and_nothing_else(desk: Client, new_ticket: NewTicket) -> None:
    page = content(desk, new_ticket(text="See https://example.com/a?b=1&c=2. Not javascript:alert(1)"))

    assert '<a href="https://example.com/a?b=1&amp;c=2" rel="noopener noreferrer nofollow" target="_blank">' in page
    assert 'href="javascript' not in page


def test_a_reply_goes_to_the_requester_and_the_ticket_waits(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    response = send(desk, ticket)

    ticket.refresh_from_db()
    note = ticket.notes.latest("pk")
    assert response.status_code == 302 and ticket.status == "waiting" and not ticket.unanswered
    assert (note.text, note.direction, note.recipients) == ("Restart it.", "out", ["anna@example.com"])
    assert "On its way to Anna Weber" in content(desk, ticket)


def test_send_and_solve_solves(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    send(desk, ticket, then="solved")

    ticket.refresh_from_db()
    assert ticket.status == "solved"


def test_a_private_note_reaches_nobody_whatever_button_was_pressed(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    send(desk, ticket, kind="note", then="solved", cc="boss@example.com")

    ticket.refresh_from_db()
    note = ticket.notes.latest("pk")
    assert (note.visibility, note.direction, note.recipients) == ("private", "internal", [])
    assert ticket.status == "open" and not ticket.participants.exists()


def test_people_in_copy_are_written_to_and_take_part(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(recipients=["carl@example.com", "dora@example.com"])
    assert "dora@example.com" in content(desk, ticket)

    send(desk, ticket, cc="Bert@Exämple.com; bert@exämple.com", copies=["carl@example.com"])

    assert ticket.notes.latest("pk").recipients == ["anna@example.com", "bert@xn--exmple-cua.com", "carl@example.com"]
    assert pages.participants(ticket) == ["bert@xn--exmple-cua.com", "carl@example.com"]
    assert pages.proposed_copies(ticket) == ["dora@example.com"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "  "}, "There is nothing to send yet"),
        ({"cc": "bert@"}, "“bert@” is not a mail address"),
        ({"cc": "a@example.com bert"}, "“bert” is not a mail address"),
        ({"copies": ["stranger@example.com"]}, "stranger@example.com is not one of the available choices"),
    ],
)
def test_a_mistake_is_explained_and_nothing_is_sent(
    desk: Client, new_ticket: NewTicket, fields: dict[str, Any], words: str
) -> None:
    ticket = new_ticket()

    response = send(desk, ticket, **fields)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert fields.get("text") or "Restart it." in response.content.decode(), "what was typed is still there"
    assert ticket.notes.count() == 1


@pytest.mark.parametrize("kind", ["reply", "note"])
def test_a_second_click_sends_nothing_twice(desk: Client, new_ticket: NewTicket, kind: str) -> None:
    ticket = new_ticket()
    seen = ticket.notes.latest("pk").pk

    send(desk, ticket, kind=kind, seen=seen)
    send(desk, ticket, kind=kind, seen=seen)

    assert ticket.notes.count() == 2
    assert "was not sent a second time" in content(desk, ticket)


def test_the_same_words_may_be_sent_again_on_purpose(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    send(desk, ticket)
    send(desk, ticket)

    assert ticket.notes.count() == 3


def test_an_answer_does_not_cross_a_message_the_agent_has_not_seen(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    seen = ticket.notes.latest("pk").pk
    intake.add_message(number=ticket.number, email="anna@example.com", message=intake.Message("It works again!"))

    response = send(desk, ticket, seen=seen)

    page = response.content.decode()
    assert response.status_code == 409
    assert "Somebody wrote while you did" in page and "It works again!" in page and "Restart it." in page
    newest = re.search(r'name="seen" value="(\d+)"', page)
    assert newest and send(desk, ticket, seen=newest[1]).status_code == 302


def test_a_colleagues_private_note_does_not_hold_up_an_answer(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    seen = ticket.notes.latest("pk").pk
    services.write_private_note(ticket=ticket, agent=User.objects.create_user("jonas"), text="fyi")

    assert send(desk, ticket, seen=seen).status_code == 302


def test_files_are_sent_along(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    files = [SimpleUploadedFile(name, b"x", "text/plain") for name in ("a.txt", "b.txt")]

    send(desk, ticket, attached=files)

    assert [each.filename for each in ticket.notes.latest("pk").attachments.all()] == ["a.txt", "b.txt"]


def test_too_large_files_are_refused_at_the_field(
    desk: Client, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MAX_UPLOAD_BYTES", 3)
    ticket = new_ticket()

    response = send(desk, ticket, attached=[SimpleUploadedFile("a.txt", b"four")])

    assert response.status_code == 422 and "Together the files are larger" in response.content.decode()


def test_solving_opening_again_taking_and_giving_back(desk: Client, agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    address = f"/tickets/{ticket.number}/"

    desk.post(f"{address}status/?view=open", {"status": "solved"})
    ticket.refresh_from_db()
    assert ticket.status == "solved" and "Open again" in content(desk, ticket)

    desk.post(f"{address}status/", {"status": "open"})
    desk.post(f"{address}assign/", {"to": "me"})
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("open", agent) and "Give back" in content(desk, ticket)

    response = desk.post(f"{address}assign/?view=open", {"to": ""})
    ticket.refresh_from_db()
    assert ticket.assignee is None and response["Location"] == f"{address}?view=open"


def test_an_unknown_status_changes_nothing(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()

    assert desk.post(f"/tickets/{ticket.number}/status/", {"status": "deleted"}).status_code == 302
    ticket.refresh_from_db()
    assert ticket.status == "open"


@pytest.mark.req("S0-47", "S1-30")
def test_a_restricted_field_is_shown_to_some_agents_only(desk: Client, agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket(fields={"affected_system": "VPN", "cost_centre": "4711"}, restricted=["cost_centre"])

    assert "VPN" in content(desk, ticket) and "4711" not in content(desk, ticket)

    agent.user_permissions.add(Permission.objects.get(codename="view_restricted_fields"))
    assert "4711" in content(desk, ticket)


def test_the_mail_channel_tells_how_far_an_answer_got(
    desk: Client, agent: User, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = new_ticket()
    note = services.reply_as_agent(ticket=ticket, agent=agent, text="Restart it.")
    told = {note.pk: Delivery("not sent", "bad", "The server refused the address.")}
    monkeypatch.setattr(hooks, "delivery_states", [lambda ids: {pk: told[pk] for pk in ids}])
    monkeypatch.setattr(hooks, "origin_links", [lambda pk, user: f"/why/{pk}/"])

    page = content(desk, ticket)

    assert '<span class="tag bad">not sent</span>' in page and "The server refused the address." in page
    assert f'<a href="/why/{ticket.pk}/">Why this ticket?</a>' in page


def test_a_long_conversation_shows_its_end_first(
    desk: Client, agent: User, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHOWN_NOTES", 2)
    ticket = new_ticket(text="FIRST")
    for words in ("SECOND", "THIRD"):
        services.write_private_note(ticket=ticket, agent=agent, text=words)

    assert "FIRST" not in content(desk, ticket).split("<main")[1]
    assert "Show 1 older message" in content(desk, ticket)
    assert "FIRST" in content(desk, ticket, "?all").split("<main")[1]


def test_a_message_dated_in_the_past_is_no_reason_to_miss_it(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    late = Note.objects.create(ticket=ticket, direction="in", text="late", created=timezone.now().replace(year=2020))

    assert f'name="seen" value="{late.pk}"' in content(desk, ticket)


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_send_one_answer(agent: User, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    fields = {"kind": "reply", "text": "Restart it.", "seen": ticket.notes.latest("pk").pk}
    together = Barrier(2, timeout=30)  # one that cannot sign in must not leave the other waiting

    def click(_: int) -> int:
        desk = Client()
        desk.force_login(agent)
        together.wait()
        try:
            return int(desk.post(f"/tickets/{ticket.number}/", fields).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as clicks:
        assert list(clicks.map(click, range(2))) == [302, 302]
    assert ticket.notes.count() == 2
