"""Microsoft Graph calls when mail has arrived: it is asked to, believed only with the word agreed upon, and followed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connections
from django.test import Client, override_settings
from django.utils import timezone
from django_q.models import OrmQ

from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.network.imap_idle import LineFailed
from mailchannel.services.lease import hold
from mailchannel.services.schedule import claim_due
from mailchannel.services.watching import calls
from mailchannel.services.ways import reading_way
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import running
from tests.servers.certificates import Pair
from tests.servers.graph import EVERYBODY, GraphMailbox, GraphServer
from tests.servers.identity import SECRET, IdentityProvider
from tests.servers.loopback import wait_until
from tests.servers.web import Answer, Request, WebServer
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class Doorstep(WebServer):
    """Our pages behind TLS, as a reverse proxy puts them: what is posted here reaches the views."""

    def answer(self, request: Request) -> Answer:
        target = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
        got = Client().post(target, request.body, content_type="application/json")
        connections.close_all()  # this thread's
        return Answer(got.status_code, got.content, got.headers["Content-Type"])


@pytest.fixture
def doorstep(certificate: Pair) -> Iterator[Doorstep]:
    running = Doorstep(certificate).start()
    yield running
    running.stop()


@pytest.fixture
def identity(certificate: Pair) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(certificate).start()
    yield provider
    provider.stop()


@pytest.fixture
def box(graph_server: GraphServer) -> GraphMailbox:
    return graph_server.mailbox("support@example.com", shared=True)


@pytest.fixture
def server(
    box: GraphMailbox, graph_server: GraphServer, identity: IdentityProvider, new_server: NewServer
) -> MailServer:
    """An application that signs in by itself."""
    server = new_server(
        protocol="graph",
        auth="oauth_microsoft",
        oauth={**identity.microsoft, "grant": "application"},
        connection=box.settings,
        secrets=Secrets({"oauth.client_secret": SECRET}),
        authorities=graph_server.authorities,
    )
    way = reading_way(server)
    assert way.token is not None
    graph_server.tokens[way.token()] = EVERYBODY
    return server


def subscribed(server: MailServer, token: str = "token-of-ours", state: str = "word-of-ours") -> str:
    """The path Graph was given."""
    server.update(subscription=Secrets({"token": token, "state": state, "key": "1", "for": str(server.version)}))
    return f"{calls.PATH}{server.pk}-{token}/"


def news(state: str) -> str:
    return json.dumps({"value": [{"subscriptionId": "1", "clientState": state, "changeType": "created"}]})


def post(path: str, body: str) -> int:
    return Client().post(path, body, content_type="application/json").status_code


@pytest.mark.req("WB-10")
def test_the_word_of_the_handshake_goes_back_as_plain_text_and_only_from_an_address_we_gave_away(
    server: MailServer,
) -> None:
    path = subscribed(server)

    answer = Client().post(f"{path}?validationToken=%3Cscript%3Ealert(1)%3C/script%3E")

    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Client().post(f"{calls.PATH}{server.pk}-guessed/?validationToken=x").status_code == 404


@pytest.mark.req("WB-11")
@pytest.mark.parametrize("body", [news("another word"), news(""), "{}", "[]", "no json", "", '{"value": [{}]}'])
def test_news_without_the_word_agreed_upon_are_ignored(server: MailServer, body: str) -> None:
    path = subscribed(server)

    assert post(path, body) == 202
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize("address", ["", "1", "-", "x-y", "١-token-of-ours", "99999999999999999999-token-of-ours"])
def test_an_address_we_have_not_given_away_is_unknown(server: MailServer, address: str) -> None:
    subscribed(server)

    assert post(f"{calls.PATH}{address}/", news("word-of-ours")) == 404


def test_a_mail_server_that_never_asked_is_called_in_vain(server: MailServer) -> None:
    assert post(f"{calls.PATH}{server.pk}-/", news("")) == 404
    assert post(f"{calls.PATH}{server.pk}-x/", news("")) == 404


@pytest.mark.parametrize("slash", ["/", ""])
def test_genuine_news_lead_to_a_fetch(server: MailServer, slash: str) -> None:
    path = subscribed(server)

    assert post(path.rstrip("/") + slash, news("word-of-ours")) == 202

    assert OrmQ.objects.count() == 1
    assert OrmQ.objects.get().func() == "mailchannel.tasks.follow"


def test_what_is_followed_becomes_a_ticket(server: MailServer, box: GraphMailbox) -> None:
    box.deliver(letter(subject="printer"))

    assert calls.follow(server.pk) == 1
    assert Ticket.objects.get().title == "printer"


def test_what_cannot_be_followed_at_once_is_left_to_the_next_tick(server: MailServer) -> None:
    server.update(next_fetch_at=timezone.now() + timedelta(days=1))
    with hold(server.pk):
        assert calls.follow(server.pk) == 0

    assert claim_due() == [server.pk]


def test_without_https_nobody_can_call_us(server: MailServer) -> None:
    with pytest.raises(LineFailed, match="begin with https"):
        calls.ask(server.pk)


def test_asking_twice_renews_and_new_settings_ask_anew(
    server: MailServer, doorstep: Doorstep, graph_server: GraphServer
) -> None:
    with override_settings(PUBLIC_URL=doorstep.url, SERVED_OVER_TLS=True):
        assert 3600 < calls.ask(server.pk) <= 6 * 3600
        (first,) = graph_server.subscriptions
        calls.ask(server.pk)
        assert list(graph_server.subscriptions) == [first]

        server.update(version=server.version + 1)
        calls.ask(server.pk)
        (second,) = graph_server.subscriptions
        assert second != first

        with override_settings(PUBLIC_URL=doorstep.url.replace("localhost", "127.0.0.1")):
            calls.ask(server.pk)
        (third,) = graph_server.subscriptions
        assert third != second  # at an address we have left nobody hears Graph

        graph_server.subscriptions.clear()  # taken back
        calls.ask(server.pk)
        assert len(graph_server.subscriptions) == 1

        calls.stop(server.pk)
        assert not graph_server.subscriptions
        assert calls.called(f"{server.pk}-") is None


@pytest.mark.slow
def test_the_watcher_asks_to_be_called_and_takes_it_back(
    server: MailServer,
    box: GraphMailbox,
    doorstep: Doorstep,
    graph_server: GraphServer,
    command_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    environment = {**command_environment, "PUBLIC_URL": doorstep.url}
    command = [sys.executable, "manage.py", "watch_mail"]
    with running(command, environment, tmp_path / "watcher.log") as watcher:
        wait_until(lambda: MailServer.objects.get().push_since, seconds=60, what=watcher.printed)
        box.deliver(letter(subject="printer"))

        assert graph_server.tell(next(iter(graph_server.subscriptions))) == 202

        assert OrmQ.objects.get().func() == "mailchannel.tasks.follow"
        server.update(status=MailServer.Status.PAUSED)
        wait_until(lambda: not graph_server.subscriptions, seconds=60, what="taken back")
        assert watcher.printed == ""
