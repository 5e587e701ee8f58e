"""Exchange and Microsoft Graph from end to end: a mail comes in, an answer leaves the same way, and nobody is hurried."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from mailchannel.admin.promise import promises
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, MailServer, OutboundMail
from mailchannel.models.secrets import Secrets
from mailchannel.services import back_to_inbox, check, outbox, rehearsal
from mailchannel.services import settle as settling
from mailchannel.services.explain import explain
from mailchannel.services.fetch import fetch
from mailchannel.services.finding import find
from mailchannel.services.leaving import can_send
from mailchannel.services.lint import lint
from mailchannel.services.patience import LONGEST
from mailchannel.services.schedule import claim_due
from mailchannel.services.ways import reading_way, sending_way
from mailchannel.transports import TRANSPORTS, MessageRef, Transport
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.certificates import Pair
from tests.servers.ews import PATH, EwsMailbox, busy, ews_mailbox
from tests.servers.graph import EVERYBODY, GraphMailbox, GraphServer
from tests.servers.identity import SECRET, IdentityProvider
from tests.servers.web import Answer
from tickets.models import Ticket
from tickets.services import reply_as_agent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SENT_ITEMS = "Gesendete Elemente"
Box = GraphMailbox | EwsMailbox


@dataclass
class Way:
    """A mail server that is read and sends over the web. `busy` is what its server says when it wants to be left alone
    for so many seconds, `path` where."""

    server: MailServer
    box: Box
    path: str
    busy: Callable[[int], Answer]

    def opened(self) -> Transport:
        return TRANSPORTS[self.server.protocol](
            {**self.server.connection, **self.server.secrets}, reading_way(self.server)
        )


@pytest.fixture
def identity(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.fixture(params=["graph", "ews"])
def web(request: pytest.FixtureRequest, new_server: NewServer) -> Way:
    if request.param == "ews":
        return over_exchange(ews_mailbox(request, "ntlm"), new_server)
    return over_graph(request.getfixturevalue("graph_server"), new_server, request.getfixturevalue("identity"))


def over_exchange(box: EwsMailbox, new_server: NewServer) -> Way:
    settings = {name: value for name, value in box.settings.items() if name != "password"}
    server = new_server(
        protocol="ews",
        connection=settings,
        sending_protocol="ews",
        sending=settings,
        secrets=Secrets({"password": box.password, "sending.password": box.password}),
        authorities=box.server.authorities,
    )
    return Way(server, box, PATH, lambda seconds: busy(1000 * seconds))


def over_graph(graph: GraphServer, new_server: NewServer, identity: IdentityProvider) -> Way:
    """An application that signs in by itself, and says whose mailbox it wants."""
    box = graph.mailbox("support@example.com", shared=True)
    server = new_server(
        protocol="graph",
        auth="oauth_microsoft",
        oauth={**identity.microsoft, "grant": "application"},
        connection=box.settings,
        sending_protocol="graph",
        sending_auth="oauth_microsoft",
        sending=box.settings,
        secrets=Secrets({"oauth.client_secret": SECRET}),
        authorities=graph.authorities,
    )
    for way in (reading_way(server), sending_way(server)):
        assert way.token is not None
        graph.tokens[way.token()] = EVERYBODY
    turns = count(1)
    graph.rebuild = lambda raw: rewritten(raw, next(turns))

    def throttled(seconds: int) -> Answer:
        error = {"error": {"code": "ApplicationThrottled", "message": "over its limit"}}
        return Answer.of(error, 429, Retry_After=str(seconds))

    return Way(server, box, "/v1.0/", throttled)


def rewritten(raw: bytes, turn: int) -> bytes:
    """The same in other bytes, different ones each turn."""
    head, _, body = raw.partition(b"\r\n\r\n")
    code = b64encode(body)
    lines = [code[start : start + turn] for start in range(0, len(code), turn)]
    return b"\r\n".join((head, b"Content-Transfer-Encoding: base64", b"", *lines, b""))


def answered(agent: User, text: str = "Use the extinguisher.") -> OutboundMail:
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text=text)
    return OutboundMail.objects.latest("pk")


@pytest.mark.req("S0-16", "S0-19", "S2-10", "S3-09")
def test_a_mail_comes_in_and_its_answer_leaves_the_same_way(web: Way, agent: User) -> None:
    web.box.deliver(letter(message_id="first@customer.example"))

    report = fetch(web.server)
    mail = answered(agent)

    assert (report.error, report.opened, report.filed) == ("", 1, 1)
    assert can_send(web.server)
    assert outbox.send(mail.pk) == "sent"
    ((recipients, raw),) = web.box.taken
    assert recipients == {"ann@customer.example"}
    assert b"In-Reply-To: <first@customer.example>" in raw
    assert web.box.mails(SENT_ITEMS) == [raw]

    web.box.deliver(letter(body="It worked.", In_Reply_To=f"<{mail.message_id}>"))
    fetch(web.server)
    assert Ticket.objects.get().notes.count() == 3
    assert web.box.mails() == [] and len(web.box.mails("Processed")) == 2


# --- Mail that is written anew each time it is read -------------------------------------------------


def test_a_mail_that_came_back_is_foretold_to_be_known(web: Way) -> None:
    raw = letter(body="It burns, and nobody is there to put it out.")
    web.box.deliver(raw)
    fetch(web.server)
    web.box.deliver(raw)

    (row,) = rehearsal.rehearse(web.server, 5).rows
    explained = [explain(web.server, rewritten(raw, turn)).decision.reason for turn in (50, 51)]

    assert explained == ["duplicate.same_message"] * 2
    assert row.after.reason == "duplicate.same_message"
    fetch(web.server)
    assert list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True)) == ["opened", "duplicate"]


@pytest.mark.req("S4-32")
def test_a_failed_mail_is_found_in_the_fail_folder_and_put_back(web: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = settling.parse

    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        raise RecursionError("too deep")

    monkeypatch.setattr(settling, "parse", buggy)
    web.box.deliver_all([letter(subject="poison", message_id="1@customer.example")] * 2)
    fetch(web.server)
    rows = list(InboundMail.objects.order_by("pk"))
    assert [(row.outcome, row.filed_to) for row in rows] == [("failed", "Failed")] * 2
    with web.opened() as box:
        assert set(find(box, "Failed", rows)) == {row.pk for row in rows}

    result = back_to_inbox.put_back(web.server, reversed(rows), by=None)

    assert (result.error, list(result.moved)) == ("", rows)
    assert web.box.mails("Failed") == [] and len(web.box.mails()) == 2
    monkeypatch.setattr(settling, "parse", parse)
    assert fetch(web.server).error == ""
    assert list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True)) == ["opened", "duplicate"]
    assert web.box.mails() == [] and len(web.box.mails("Processed")) == 2


@pytest.mark.req("FT-41")
def test_a_mail_a_person_moves_back_is_filed_again_and_opens_no_second_ticket(web: Way) -> None:
    web.box.deliver(letter())
    fetch(web.server)
    with web.opened() as box:
        epoch = box.epoch("Processed")
        box.move([MessageRef("Processed", key, epoch) for key in box.keys("Processed")], "INBOX")
    assert len(web.box.mails()) == 1

    report = fetch(web.server)

    assert (report.error, report.filed, Ticket.objects.count()) == ("", 1, 1)
    assert web.box.mails() == [] and len(web.box.mails("Processed")) == 1
    assert fetch(web.server).filed == 0


# --- Patience ------------------------------------------------------------------------------------


def asked(web: Way) -> int:
    return sum(request.path.startswith(web.path) for request in web.box.server.asked)


@pytest.mark.req("PR-19", "PR-24")
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(web: Way, new_server: NewServer) -> None:
    web.box.server.spoil(web.path, web.busy(600), times=50)
    other = new_server(name="Another")
    claim_due()
    now = timezone.now()
    before = asked(web)

    report = fetch(web.server)

    assert "wait for 600 seconds" in report.error
    assert asked(web) - before == 1
    assert web.server.next_fetch_at is not None
    assert timedelta(seconds=595) < web.server.next_fetch_at - now < timedelta(seconds=605)
    assert claim_due(now + timedelta(minutes=9)) == [other.pk]
    assert web.server.pk in claim_due(now + timedelta(minutes=11))


def test_nobody_is_left_alone_for_ever(web: Way) -> None:
    web.box.server.spoil(web.path, web.busy(900_000))

    fetch(web.server)

    assert web.server.next_fetch_at is not None
    assert web.server.next_fetch_at - timezone.now() < LONGEST + timedelta(seconds=1)


@pytest.mark.req("PR-19", "PR-24")
def test_an_answer_waits_as_long_as_the_server_asks(web: Way, agent: User) -> None:
    web.box.deliver(letter())
    fetch(web.server)
    mail = answered(agent)
    web.box.server.spoil(web.path, web.busy(3_000))

    assert outbox.send(mail.pk) == "queued"

    mail.refresh_from_db()
    assert "wait for 3000 seconds" in mail.error
    assert timedelta(minutes=49) < mail.next_try_at - timezone.now() < timedelta(minutes=51)
    assert web.box.taken == []
    OutboundMail.objects.update(next_try_at=timezone.now())
    assert outbox.send(mail.pk) == "sent"


# --- What is said about it ---------------------------------------------------------------------------


def test_the_review_says_how_answers_leave(web: Way) -> None:
    said = " ".join(each.answer for each in promises(web.server))

    assert f"through {'Microsoft Graph' if web.server.protocol == 'graph' else 'localhost'}" in said


def test_two_that_read_the_same_mailbox_are_remarked_on(web: Way, new_server: NewServer) -> None:
    assert "mailbox" not in {each.field for each in lint(web.server)}
    new_server(name="Another", protocol=web.server.protocol, connection=web.server.connection, address="x@example.com")

    (remark,) = (each for each in lint(web.server) if each.field == "mailbox")

    assert "“Another” reads INBOX of the same account" in remark.text


def test_a_way_out_that_leads_nowhere_is_told_at_its_field(web: Way) -> None:
    web.server.update(sending_protocol="ews", sending={"mailbox": "support@example.com"})

    assert not can_send(web.server)
    assert "sending-url" in {each.field for each in lint(web.server)}
    (finding,) = (each for each in check.check(check.stored(web.server)) if each.part == "Sending answers")
    assert (finding.text, finding.field) == ("Sending is not set up.", "sending-url")
