"""An agent at the desk, and tickets to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.pages.files import File
from tickets.intake import Message, Opening, open_ticket
from tickets.models import Ticket, TicketTemplate

NewTicket = Callable[..., Ticket]


@pytest.fixture
def agent(db: None) -> User:
    agent = User.objects.create_user("mara", first_name="Mara", last_name="Kim")
    agent.user_permissions.add(Permission.objects.get(codename="work_tickets"))
    return agent


@pytest.fixture
def desk(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def new_ticket(template: TicketTemplate) -> NewTicket:
    """`new_ticket("Title", text=…, html=…, files=[File(…)])`, by Anna Weber unless told otherwise."""

    def make(
        title: str = "VPN drops",
        *,
        text: str = "Every hour.",
        fresh: str = "",
        html: str = "",
        files: list[File] | None = None,
        recipients: list[str] | None = None,
        **opening: Any,
    ) -> Ticket:
        sender: dict[str, Any] = {"requester_email": "anna@example.com", "requester_name": "Anna Weber"}
        message = Message(text=text, fresh=fresh, html=html, files=files or [], recipients=recipients or [])
        written = open_ticket(Opening(template=template.name, title=title, message=message, **{**sender, **opening}))
        return Ticket.objects.get(pk=written.ticket_id)

    return make
