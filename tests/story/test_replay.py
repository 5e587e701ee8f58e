"""What a draft would change, seen on the mails of the log; and the numbers and the sample of the mailbox itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import drafts, publish
from mailchannel.services.explain import explain
from mailchannel.services.fetch import fetch
from mailchannel.services.mailbox_counts import count
from mailchannel.services.push import accept
from mailchannel.services.rehearsal import Trial, rehearse
from mailchannel.services.replay import differences, replay
from mailchannel.services.sample import NoSample, oldest, show
from mailchannel.services.settle import settle
from tests.fixtures import NewServer
from tests.hostile.mails import file, multipart, text
from tests.letters import letter
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox
from tests.servers.mailbox import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    """A published mail server in whose log ann, bo and a machine have written, and ann again."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    server = new_server(sync_start=start, published_at=start, version=1)
    for raw in (
        letter(message_id="a1@customer.example", subject="From Ann"),
        letter(sender="bo@other.example", message_id="b1@other.example", subject="From Bo"),
        letter(Auto_Submitted="auto-replied", subject="Away"),
        letter(In_Reply_To="<a1@customer.example>", subject="Ann again"),
        letter(sender="bo@other.example", In_Reply_To="<b1@other.example>", subject="Bo again"),
    ):
        accept(server, raw, transport="forwarding")
        settle(server)
    server.refresh_from_db()
    return server


def changed(trial: Trial) -> dict[str, list[tuple[str, str, str]]]:
    """Subject → what differs, of the mails where anything does."""
    found = {row.after.subject: differences(row) for row in trial.rows}
    return {subject: [(d.what, d.before, d.after) for d in each] for subject, each in found.items() if each}


def test_a_draft_that_says_the_same_changes_nothing(server: MailServer) -> None:
    trial = replay(server, drafts.begin(server))

    assert len(trial.rows) == 5
    assert changed(trial) == {}
    outcomes = [(row.before.outcome, row.before.reason) for row in trial.rows if row.before]
    assert outcomes == list(InboundMail.objects.order_by("pk").values_list("outcome", "reason"))


def test_a_mail_whose_original_is_gone_leaves_its_place_to_an_older_one(server: MailServer) -> None:
    RawMail.objects.filter(inbound__subject="Bo again").delete()

    trial = replay(server, drafts.begin(server), last=4)

    assert [row.after.subject for row in trial.rows] == ["From Ann", "From Bo", "Away", "Ann again"]
    assert (trial.wanted, trial.late) == (4, False)


def test_when_the_time_is_over_a_replay_says_so(server: MailServer) -> None:
    trial = replay(server, drafts.begin(server), seconds=0)

    assert (trial.rows, trial.wanted, trial.late) == ([], 5, True)


@pytest.mark.req("S0-25", "S1-41")
def test_an_allow_list_shows_whom_it_would_turn_away_and_what_follows(server: MailServer) -> None:
    draft = drafts.begin(server)
    draft.domains.create(domain="customer.example")
    before = list(InboundMail.objects.order_by("pk").values())

    found = changed(replay(server, draft))

    refused = "rejected: other.example is none of customer.example"
    bo = InboundMail.objects.get(subject="From Bo").ticket
    assert bo is not None
    assert found == {
        "From Bo": [("Outcome", "a new ticket", refused)],
        "Bo again": [("Outcome", f"added to {bo.number}", refused)],
    }
    assert list(InboundMail.objects.order_by("pk").values()) == before


def test_the_answer_to_a_mail_that_would_be_turned_away_opens_a_ticket(server: MailServer) -> None:
    draft = drafts.begin(server)
    draft.update(acceptance={"auto_reply_words": ["from ann"]})

    found = changed(replay(server, draft))

    ann = InboundMail.objects.get(subject="From Ann").ticket
    assert ann is not None
    assert found == {
        "From Ann": [("Outcome", "a new ticket", "ignored: the subject contains “from ann”")],
        "Ann again": [("Outcome", f"added to {ann.number}", "a new ticket")],
    }


def test_refusing_strangers_turns_away_who_was_one_then(server: MailServer) -> None:
    """Today all of them are contacts: by these very mails."""
    draft = drafts.begin(server)
    draft.update(acceptance={"unknown_senders": "refuse"})

    found = changed(replay(server, draft))

    assert set(found) == {"From Ann", "From Bo", "Ann again", "Bo again"}
    assert changed(replay(server, draft, last=2)) == {}


def test_another_mapping_shows_the_fields_it_fills_otherwise(server: MailServer) -> None:
    draft = drafts.begin(server)
    draft.mappings.filter(field="affected_system").update(default="printers")
    draft.mappings.create(field="cost_centre", property="sender_domain")

    found = changed(replay(server, draft))

    assert found["From Ann"] == [("Affected system", "unknown", "printers"), ("Cost centre", "", "customer.example")]


def test_copies_are_told_apart_by_each_settings_own_yardstick(server: MailServer) -> None:
    """With duplicates allowed a mail sent again opens a ticket of its own; the very same bytes never do."""
    raw = letter(message_id="again@customer.example", subject="Sent again")
    accept(server, raw, transport="forwarding")
    accept(server, b"X-Way: another\r\n" + raw, transport="forwarding")
    settle(server)
    draft = drafts.begin(server)
    draft.update(acceptance={"allow_duplicates": True})

    rows = [row for row in replay(server, draft).rows if row.after.subject == "Sent again"]

    assert [row.before.reason for row in rows if row.before] == ["accepted.new", "duplicate.same_message"]
    assert [row.after.reason for row in rows] == ["accepted.new", "accepted.new"]


@pytest.mark.dovecot
def test_mails_of_the_mailbox_are_compared_as_well(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, sync_start=datetime(2026, 1, 1, tzinfo=UTC))
    publish.publish(server, by=None)
    draft = drafts.begin(server)
    draft.update(acceptance={"blocked_senders": ["*@customer.example"]})
    dovecot.deliver_all([letter(subject="one"), letter(sender="bo@other.example", subject="two")])

    trial = rehearse(draft, against=server)

    assert changed(trial) == {
        "one": [("Outcome", "a new ticket", "ignored: ann@customer.example is blocked by *@customer.example")]
    }
    assert len(dovecot.mails()) == 2


@pytest.mark.dovecot
@pytest.mark.req("S4-40", "S0-30")
def test_the_sample_is_the_oldest_mail_with_its_properties(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter(subject="newer"), internal_date=datetime(2026, 3, 1, tzinfo=UTC))
    old = multipart(text(b"It burns"), file(b"abc"), subject=b"Subject: the oldest")
    dovecot.deliver(old, internal_date=datetime(2026, 2, 1, tzinfo=UTC))
    flags, rows = dovecot.flags(), InboundMail.objects.count()

    shown = oldest(server)

    properties = {each.name: each.value for each in shown.properties}
    assert properties["Subject"] == "the oldest"
    assert properties["Kind"] == "a letter"
    assert properties["Received"] == "2026-02-01 00:00:00"
    assert [(each.name, each.size) for each in shown.files] == [("a.bin", 3)]
    assert ("message-id", "<1@example.com>") in [(each.name, each.value) for each in shown.headers]
    assert "It burns" in shown.text
    assert (shown.tried.outcome, shown.tried.reason) == ("opened", "accepted.new")
    assert (dovecot.flags(), InboundMail.objects.count()) == (flags, rows)


@pytest.mark.slow
@pytest.mark.dovecot
@pytest.mark.req("S4-40")
def test_the_sample_of_a_full_mailbox_is_found_with_short_commands(
    new_mailbox: NewMailbox, new_server: NewServer
) -> None:
    dovecot = new_mailbox(Options(longest_line=2_500))
    dovecot.deliver_all([letter()] * 750)
    dovecot.deliver(letter(subject="the oldest"), internal_date=datetime(2026, 2, 1, tzinfo=UTC))

    assert oldest(new_server(dovecot)).tried.subject == "the oldest"


@pytest.mark.dovecot
@pytest.mark.req("S4-40")
def test_without_a_sample_it_says_why(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot)
    with pytest.raises(NoSample, match="There is no mail"):
        oldest(server)

    server.update(connection={**dovecot.settings, "username": "nobody@example.com"})
    with pytest.raises(NoSample, match="did not accept") as refused:
        oldest(server)
    assert refused.value.field


def test_an_uploaded_mail_says_what_kind_it_is(server: MailServer) -> None:
    kinds = {
        "an answer": letter(In_Reply_To="<x@y.example>"),
        "automatic": letter(Auto_Submitted="auto-replied"),
        "to many": letter(List_Id="<news.example.com>", Precedence="list"),
    }

    for kind, raw in kinds.items():
        assert show(server, raw).properties[0].value.startswith(kind)


@pytest.mark.dovecot
@pytest.mark.req("S3-08", "S3-16")
def test_the_mailbox_is_counted_by_age_and_by_what_a_start_date_leaves(dovecot: Mailbox, new_server: NewServer) -> None:
    now = timezone.now()
    server = new_server(dovecot, sync_start=(now - timedelta(days=7)).replace(microsecond=0))
    days: dict[int, Any] = {0: ("\\Seen",), 3: (), 20: (), 400: ()}
    for ago, flags in days.items():
        dovecot.deliver(letter(), internal_date=now - timedelta(days=ago), flags=flags)
    flags_before = dovecot.flags()

    counts = count(server)

    (inbox,) = counts.folders
    assert list(inbox.ages.values()) == [1, 1, 1, 1]
    assert (inbox.unread, inbox.total, inbox.known) == (3, 4, 0)
    assert (counts.mails, counts.skipped) == (2, 2)
    assert [start.mails for start in counts.starts] == [0, 1, 2, 3, 4, 2]
    assert [start.chosen for start in counts.starts] == [False] * 5 + [True]
    assert dovecot.flags() == flags_before

    fetch(server)
    assert InboundMail.objects.filter(outcome="opened").count() == counts.mails


@pytest.mark.dovecot
@pytest.mark.req("S3-08")
def test_what_is_in_the_log_already_does_not_become_tickets_again(
    dovecot_without_uidplus: Mailbox, new_server: NewServer
) -> None:
    """This server cannot move mail, so it stays in the inbox for ever."""
    server = new_server(dovecot_without_uidplus, sync_start=datetime(2026, 1, 1, tzinfo=UTC))
    dovecot_without_uidplus.deliver(letter())
    fetch(server)
    dovecot_without_uidplus.deliver(letter())

    counts = count(server)

    assert (counts.folders[0].known, counts.mails) == (1, 1)


@pytest.mark.dovecot
@pytest.mark.req("S3-08")
def test_once_published_no_start_is_offered_that_leaves_waiting_mail_behind(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot, sync_start=None)
    dovecot.deliver(letter())
    before = count(server)
    publish.publish(server, by=None)

    after = count(drafts.begin(server))

    assert [start.label for start in before.starts if start.moment is None and start.chosen]
    assert not [start.label for start in after.starts if start.moment is None]


@pytest.mark.dovecot
def test_a_mailbox_that_cannot_be_counted_says_why(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, connection={**dovecot.settings, "username": "nobody@example.com"})

    counts = count(server)

    assert counts.folders == []
    assert "did not accept" in counts.error


def test_another_ground_for_the_same_reason_is_no_difference(server: MailServer) -> None:
    draft = drafts.begin(server)
    draft.update(acceptance={"auto_reply_words": ["away"]})

    assert changed(replay(server, draft)) == {}


def test_a_draft_explains_mails_of_the_log_as_those_very_mails(server: MailServer) -> None:
    raw = letter(subject="Explained")
    row = accept(server, raw, transport="forwarding").row
    settle(server)
    draft = drafts.begin(server)

    assert explain(draft, raw).known_as == row.pk
    assert explain(draft, b"X-Way: another\r\n" + raw).decision.reason == "duplicate.same_message"
