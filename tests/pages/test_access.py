"""Who gets in, and what everybody else is told."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tests.pages.conftest import NewTicket
from tests.pages.files import File
from tickets.models import Ticket


@pytest.fixture
def addresses(new_ticket: NewTicket) -> list[str]:
    """Every page of the desk."""
    ticket = new_ticket(files=[File()])
    number, file = ticket.number, ticket.notes.get().attachments.get().pk
    return ["/", f"/tickets/{number}/", f"/tickets/{number}/files/{file}/", f"/tickets/{number}/status/",
            f"/tickets/{number}/assign/", f"/tickets/{number}/notes/{ticket.notes.get().pk}/mail/"]  # fmt: skip


def test_a_stranger_is_sent_to_the_login_and_back(client: Client, addresses: list[str]) -> None:
    for address in addresses:
        send = client.post if address.endswith(("status/", "assign/")) else client.get

        assert send(address)["Location"] == f"{reverse('login')}?next={address}"


def test_somebody_without_the_permission_is_told_whom_to_ask(client: Client, addresses: list[str]) -> None:
    User.objects.create_superuser("rita", first_name="Rita", last_name="Root")
    client.force_login(User.objects.create_user("guest"))

    for address in addresses:
        send = client.post if address.endswith(("status/", "assign/")) else client.get
        response = send(address)

        assert response.status_code == 403
        assert "Rita Root" in response.content.decode()
        assert "Can read and answer tickets" in response.content.decode()


def test_a_list_that_polls_is_not_replaced_by_the_login_page(client: Client, db: None) -> None:
    assert client.get("/", headers={"HX-Request": "true"}).status_code == 204


@pytest.mark.parametrize("address", ["status/", "assign/"])
def test_nothing_changes_by_following_a_link(desk: Client, new_ticket: NewTicket, address: str) -> None:
    ticket = new_ticket()

    assert desk.get(f"/tickets/{ticket.number}/{address}?status=solved&to=me").status_code == 405
    assert Ticket.objects.get() == ticket and ticket.status == "open"


def test_a_form_without_its_token_is_explained(agent: User, new_ticket: NewTicket) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(agent)

    response = careful.post(f"/tickets/{new_ticket().number}/", {"text": "x"})

    assert response.status_code == 403
    assert "Nothing was saved" in response.content.decode()


@pytest.mark.parametrize("number", ["HD-999999", "HD-1", "x", "HD-٣٤٥٦", "HD-99999999999999999999"])
def test_an_unknown_ticket_is_not_found(desk: Client, number: str) -> None:
    response = desk.get(f"/tickets/{number}/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_nothing_from_a_broken_server(name: str, db: None) -> None:
    assert "Helpdesk</title>" in render_to_string(name)


def test_logging_in_says_what_went_wrong_and_leads_back(client: Client, agent: User, db: None) -> None:
    agent.set_password("a long passphrase")
    agent.save()

    wrong = client.post("/login/?next=/", {"username": "mara", "password": "no"})
    right = client.post("/login/?next=/", {"username": "mara", "password": "a long passphrase", "next": "/?view=open"})

    assert "That did not work" in wrong.content.decode()
    assert right["Location"] == "/?view=open"
