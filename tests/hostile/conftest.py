"""The whole road for one mail, without a mailbox: kept, judged, written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.config import freeze
from mailchannel.services.push import accept
from mailchannel.services.settle import settle_kept
from tests.fixtures import NewServer

Receive = Callable[[bytes], InboundMail]


def take_in(server: MailServer, *raws: bytes) -> list[InboundMail]:
    """What became of the mails, in their order, as rows of the ledger."""
    kept = [accept(server, raw, transport="pipe") for raw in raws]
    settle_kept(kept, freeze(server))
    return [InboundMail.objects.get(pk=each.row.pk) for each in kept]


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    """Reads mail for support@example.com and lets everybody write, the same words again included."""
    return new_server(acceptance={"duplicate_window_minutes": 0})


@pytest.fixture
def guarded(server: MailServer) -> MailServer:
    """Lets only people of example.com write."""
    server.domains.create(domain="example.com")
    return server


@pytest.fixture
def receive(server: MailServer) -> Receive:
    return lambda raw: take_in(server, raw)[0]


@pytest.fixture
def desk(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client
