"""A mailbox that is read by another protocol from now on: what still lies there was taken in before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.models.secrets import Secrets
from mailchannel.services import another_way, publish
from mailchannel.services.copying import copy
from mailchannel.services.fetch import fetch
from mailchannel.services.rehearsal import rehearse
from mailchannel.services.ways import reading_way
from tests.letters import letter
from tests.servers.fixtures import NewMailbox
from tests.servers.graph import EVERYBODY, GraphMailbox
from tests.servers.mailbox import Mailbox, Pop3Mailbox
from tests.story.test_over_the_web import Way, identity, web  # noqa: F401 - fixtures here, too
from tickets.models import Note, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.dovecot]

ADDRESS = "support@example.com"
BY_BYTES = {"duplicate_window_minutes": 0}


@pytest.fixture(params=["imap", "pop3"])
def plain(request: pytest.FixtureRequest, new_mailbox: NewMailbox) -> tuple[str, Mailbox]:
    """A protocol that hands on the bytes it was given."""
    mailbox = new_mailbox()
    return request.param, Pop3Mailbox.of(mailbox) if request.param == "pop3" else mailbox


@pytest.fixture
def server(web: Way) -> MailServer:  # noqa: F811
    """Leaves every mail where it is. That two mails say the same words shall not help."""
    web.server.update(acceptance=BY_BYTES)
    web.server.folders.exclude(role__in=("source", "fail")).delete()
    return web.server


def by_web(server: MailServer) -> dict[str, Any]:
    return {name: getattr(server, name) for name in ("protocol", "auth", "connection", "secrets")}


def by(plain: tuple[str, Mailbox]) -> dict[str, Any]:
    protocol, mailbox = plain
    settings = {name: value for name, value in mailbox.settings.items() if name != "password"}
    return {
        "protocol": protocol,
        "auth": "password",
        "connection": settings,
        "secrets": Secrets(password=mailbox.password),
    }


def both(web: Way, mailbox: Mailbox, raw: bytes, when: datetime | None = None) -> None:  # noqa: F811
    """It is one mailbox: each protocol shows the same mails."""
    when = when or timezone.now()
    web.box.deliver(raw, internal_date=when)
    mailbox.deliver(raw, internal_date=when)


def outcomes() -> list[str]:
    return list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True))


def test_mail_left_in_place_is_known_whichever_protocol_shows_it_there_and_back(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
) -> None:
    both(web, plain[1], letter(message_id="first@customer.example"))
    both(web, plain[1], letter(body="It still burns.", In_Reply_To="<first@customer.example>"))
    there, back = by(plain), by_web(server)
    server.update(**there)
    fetch(server)
    assert outcomes() == ["opened", "added"]

    server.update(**back)
    assert [row.after.outcome for row in rehearse(server, 2).rows] == ["duplicate", "duplicate"]
    report = fetch(server)

    assert (report.error, report.fetched, report.duplicates) == ("", 2, 2)
    assert (Ticket.objects.count(), Note.objects.count()) == (1, 2)
    both(web, plain[1], letter(body="It is out.", In_Reply_To="<first@customer.example>"))
    assert fetch(server).added == 1
    server.update(**there)
    report = fetch(server)
    assert (report.duplicates, fetch(server).fetched) == (1, 0)
    assert (Ticket.objects.count(), Note.objects.count()) == (1, 3)


@pytest.mark.parametrize("allowed", [False, True])
def test_another_mail_with_the_same_name_is_another_mail(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
    *,
    allowed: bool,
) -> None:
    """Programs reuse their Message-IDs; where duplicates are allowed, the way a mail took tells it from the others."""
    back = by_web(server)
    server.update(**by(plain), acceptance={**BY_BYTES, "allow_duplicates": allowed})
    both(web, plain[1], letter(message_id="1@printer.example", body="Page 1 is missing.", Received="by a; 1"))
    fetch(server)
    web.box.deliver(letter(message_id="1@printer.example", body="Page 2 is missing.", Received="by a; 2"))
    web.box.deliver(letter(message_id="1@printer.example", body="Page 1 is missing.", Received="by a; 3"))

    server.update(**back)
    fetch(server)

    assert sorted(outcomes()[1:]) == sorted(["duplicate", "opened", "opened" if allowed else "duplicate"])


def test_mail_whose_bytes_are_not_kept_any_more_is_known_if_it_lay_there_then(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
) -> None:
    now = timezone.now()
    back = by_web(server)
    server.update(**by(plain))
    both(web, plain[1], letter(message_id="1@printer.example"), now - timedelta(days=9))
    fetch(server)
    InboundMail.objects.update(kept_at=now - timedelta(days=8))
    RawMail.objects.all().delete()
    web.box.deliver(letter(message_id="1@printer.example", body="Later."), internal_date=now - timedelta(days=7))
    web.box.deliver(letter(message_id="1@printer.example", subject="Other"), internal_date=now - timedelta(days=9))

    server.update(**back)
    fetch(server)

    assert sorted(outcomes()[1:]) == ["duplicate", "opened", "opened"]


def test_mail_too_large_to_be_fetched_is_known_by_its_headers(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
) -> None:
    back = by_web(server)
    server.update(**by(plain), acceptance={**BY_BYTES, "largest_mail_mb": 1})
    both(web, plain[1], letter(body="x" * 2_000_000))
    fetch(server)

    server.update(**back)
    fetch(server)

    assert outcomes()[1:] == ["duplicate"]
    assert set(InboundMail.objects.values_list("headers_only", flat=True)) == {True}


def test_a_copy_that_goes_on_by_the_web_opens_no_second_ticket(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
) -> None:
    begun = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    back = by_web(server)
    server.update(**by(plain), sync_start=begun, published_at=begun, version=1, reached=5)
    both(web, plain[1], letter(subject="one"))
    fetch(server)
    server.update(connection={**server.connection, "host": "localhost", "username": ADDRESS})
    made = copy(server, by=None)
    made.update(**back)

    publish.publish(made, by=None, take_over=True)
    made.refresh_from_db()
    if isinstance(web.box, GraphMailbox):
        token = reading_way(made).token
        assert token is not None
        web.box.server.tokens[token()] = EVERYBODY
    both(web, plain[1], letter(subject="two"))
    report = fetch(made)

    assert (report.error, report.opened, report.duplicates) == ("", 1, 1)
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["one", "two"]


def test_of_many_mails_with_one_name_those_received_next_to_the_new_one_are_compared(
    web: Way,  # noqa: F811
    server: MailServer,
    plain: tuple[str, Mailbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(another_way, "MOST_COMPARED", 2)
    now = timezone.now().replace(microsecond=0)
    back = by_web(server)
    server.update(**by(plain))
    for hours in range(5, 0, -1):
        raw = letter(message_id="1@printer.example", body=f"{hours} hours ago.", Received=f"by a; {rfc(now, hours)}")
        both(web, plain[1], raw, now - timedelta(hours=hours))
    fetch(server)

    server.update(**back)

    assert fetch(server).duplicates == 5


def rfc(now: datetime, hours: int) -> str:
    return f"{now - timedelta(hours=hours):%a, %d %b %Y %H:%M:%S +0000}"


def test_who_never_changed_the_protocol_is_asked_for_nothing_more(
    web: Way,  # noqa: F811
    server: MailServer,
) -> None:
    def queries(raw: bytes) -> int:
        web.box.deliver(raw)
        with CaptureQueriesContext(connection) as asked:
            fetch(server)
        return sum("mailchannel_rawmail" in each["sql"] or "identity" in each["sql"] for each in asked)

    alone = queries(letter(subject="one"))
    first = InboundMail.objects.get()
    InboundMail.objects.filter(pk=first.pk).update(transport="imap", message_id="other@customer.example")

    assert queries(letter(subject="two")) == alone
