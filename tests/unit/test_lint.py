"""Every mistake in settings is refused or remarked on, by a sentence that names the field; good settings are not."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailchannel.models import MailServer
from mailchannel.services.lint import lint
from mailchannel.services.lint.mailbox import _longest_gap
from mailchannel.services.lint.senders import one_letter_apart
from mailchannel.services.readiness import problems
from tests.broken_settings import BROKEN, IN_ORDER, put_in_order
from tests.fixtures import NewServer


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return put_in_order(new_server(**IN_ORDER))


def test_settings_in_order_are_left_alone(server: MailServer) -> None:
    assert problems(server) == []
    assert lint(server) == []


@pytest.mark.req("S0-51", "S1-41")
@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_told_at_its_field(server: MailServer, name: str) -> None:
    broken = BROKEN[name]

    broken.spoil(server)
    server = MailServer.objects.get(pk=server.pk)

    told = [(each.field, each.text) for each in (*problems(server), *lint(server))]
    assert any(field == broken.field and broken.words in text for field, text in told), told


def test_there_are_enough_mistakes() -> None:
    assert len(BROKEN) >= 30
    assert len({(broken.field, broken.words) for broken in BROKEN.values()}) >= 30


def test_a_large_log_costs_no_more_than_a_small_one(server: MailServer) -> None:
    with CaptureQueriesContext(connection) as small:
        lint(server)
    BROKEN["word in most mails"].spoil(server)
    BROKEN["misspelt domain"].spoil(server)
    server = MailServer.objects.get(pk=server.pk)
    with CaptureQueriesContext(connection) as large:
        lint(server)

    assert len(large) <= len(small) + 3
    assert any("LIMIT 5000" in query["sql"] for query in large)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("customer.example", "custome.example", True),
        ("customer.example", "customers.example", True),
        ("customer.example", "cuztomer.example", True),
        ("customer.example", "custmoer.example", True),
        ("customer.example", "customer.example", False),
        ("customer.example", "cuzzomer.example", False),
        ("customer.example", "client.example", False),
        ("ab", "ba", True),
        ("abc", "cab", False),
    ],
)
def test_domains_one_slip_apart(one: str, other: str, near: bool) -> None:
    assert one_letter_apart(one, other) is near
    assert one_letter_apart(other, one) is near


@pytest.mark.parametrize(
    ("spans", "minutes"),
    [
        ([(0, 0)], 0),
        ([(120, 240)], 22 * 60),
        ([(23 * 60, 60)], 22 * 60),
        ([(0, 720), (720, 0)], 0),
        ([(60, 120), (180, 240)], 21 * 60),
    ],
)
def test_the_longest_time_without_a_pause(spans: list[tuple[int, int]], minutes: int) -> None:
    assert _longest_gap(spans) == minutes
