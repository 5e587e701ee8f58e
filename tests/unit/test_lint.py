"""Every mistake in settings is refused or remarked on, by a sentence that names the field; good settings are not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailchannel.admin.promise import promises
from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.models import InboundMail, MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.pipeline.addressing import first_match
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services.after import AFTER_SPECS
from mailchannel.services.lint import lint
from mailchannel.services.lint.mailbox import _longest_gap
from mailchannel.services.lint.patterns import Patterns
from mailchannel.services.lint.senders import one_letter_apart
from mailchannel.services.readiness import problems
from mailchannel.services.sign_in import rows
from mailchannel.services.sign_in.application import Application
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.transports import TRANSPORTS
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


def wrote(server: MailServer, *senders: str) -> None:
    """Mails that became tickets."""
    InboundMail.objects.bulk_create(
        InboundMail(
            server=server, remote_key=each, identity=each, sender=each, size=1, received_at=timezone.now(), outcome="opened"
        )
        for each in senders
    )  # fmt: skip


def test_a_list_of_domains_that_is_switched_off_turns_nobody_away(server: MailServer) -> None:
    server.update(acceptance={"approved_domains_only": False, "blocked_senders": ["cy@c.example"]})
    server.domains.create(domain="a.example")
    wrote(server, "bo@b.example")

    assert lint(server) == []


def test_a_long_block_list_and_many_customers_are_no_long_wait(server: MailServer) -> None:
    server.update(acceptance={"blocked_senders": [f"n{n}@ads{n}.example" for n in range(3000)]})
    wrote(server, *(f"n{n}@customer{n}.example" for n in range(3000)))
    begin = time.perf_counter()

    assert lint(server) == []

    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    "address", ["ann@a.example", "bo@a.example", "bo@b.example", "news7@c.example", "x@d.c.example"]
)
def test_patterns_match_as_the_gates_do(address: str) -> None:
    entries = ["bo@b.example", "*@a.example", "news*@c.example", "*@*.c.example", "ann@a.example"]

    assert bool(Patterns(entries).match(address)) is bool(first_match(address, entries)) is True
    assert Patterns(entries).match("cy@b.example") == ""
    assert Patterns(entries).wider("ann@a.example") == "*@a.example"
    assert [Patterns(entries).wider(each) for each in ("bo@b.example", "*@a.example", "news*@c.example")] == [""] * 3


OPTIONS = {
    "connection": TRANSPORTS["imap"].fields,
    "sending": SENDERS["smtp"].fields,
    "acceptance": acceptance_specs(),
    "routing": ROUTING_SPECS,
    "attachments": FILE_SPECS,
    "after": AFTER_SPECS,
    "trouble": TROUBLE_SPECS,
    "confirmation": CONFIRMATION_SPECS,
}


@pytest.mark.slow
@pytest.mark.parametrize("column", OPTIONS)
def test_a_stored_value_of_the_wrong_shape_stops_no_page(server: MailServer, column: str) -> None:
    """A file somebody edited, or a plug-in whose option used to be of another kind."""
    stored: dict[str, Any] = getattr(server, column)
    for spec in OPTIONS[column]:
        for value in (5, True, "x", ["x"], [5], {"x": 5}):
            setattr(server, column, {**stored, spec.name: value})
            lint(server)
            promises(server)


def test_hours_nobody_can_read_stop_no_page(server: MailServer) -> None:
    server.skip_times = ["at night", 5, "02:00-04:00"]

    assert lint(server) == []


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


# --- Signing in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "remarked"), [(None, False), ("needs_consent", True), ("connected", False)])
def test_a_pasted_token_keeps_quiet_until_it_was_refused(
    server: MailServer, state: str | None, *, remarked: bool
) -> None:
    server.update(
        auth="oauth",
        oauth={"client_id": "helpdesk", "token_url": "https://sign.example.com/token"},
        secrets=Secrets({**server.secrets, "oauth.refresh_token": "pasted"}),
    )
    if state:
        own = Application.of(server, SignIn.Purpose.READING).fingerprint
        SignIn.objects.create(server=server, state=state, tokens=Secrets({rows.APPLICATION: own}))

    told = [each.text for each in lint(server) if each.field == "auth"]

    wanted = ["Nobody has signed in at sign.example.com: no mail is read until somebody does."]
    assert told == (wanted if remarked else [])
