"""Originals are removed some time after their mail was decided; everything that was made of them stays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from pytest_django import Settings

from mailchannel import tasks
from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import back_to_inbox, drafts, judge_again, retention
from mailchannel.services.explain import explain
from mailchannel.services.judge_again import CannotJudge
from mailchannel.services.push import accept
from mailchannel.services.replay import replay
from mailchannel.services.restore import CannotRestore, restore
from mailchannel.services.schedule import ensure_schedule
from mailchannel.services.settle import settle
from tests.fixtures import NewServer, Receive
from tests.hostile.mails import file, multipart, text
from tests.letters import letter
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
LOG = "/admin/mailchannel/inboundmail"
LATER = timedelta(days=31)


@pytest.fixture
def server(new_server: NewServer, settings: Settings) -> MailServer:
    settings.KEEP_RAW_MAIL_DAYS = 30
    settings.TIME_ZONE = "UTC"
    return new_server(acceptance={"blocked_senders": ["spam@evil.example"]})


@pytest.fixture
def administrator(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def removed(receive: Receive) -> InboundMail:
    """A mail that became a ticket, with a file that was left out, and whose original was removed."""
    mail = multipart(
        text(b"Please see the plan."), file(b"MZ", b'filename="tool.exe"'), file(b"%PDF-1.4", b'filename="plan.pdf"')
    )
    row = receive(mail)
    assert retention.remove_old(_later()) == 1
    row.refresh_from_db()
    return row


def _later() -> datetime:
    return timezone.now() + LATER


def _why() -> str:
    return f"The raw mail was removed on {_later():%-d %B %Y}: kept 30 days."


def _kept() -> set[int]:
    return set(RawMail.objects.values_list("pk", flat=True))


# --- What is removed ---------------------------------------------------------------------------


def test_by_default_originals_are_kept_for_ever(server: MailServer, receive: Receive, settings: Settings) -> None:
    settings.KEEP_RAW_MAIL_DAYS = 0
    row = receive(letter())

    assert retention.remove_old(timezone.now() + timedelta(days=20_000)) == 0
    assert _kept() == {row.pk}


def test_the_time_counts_from_the_latest_decision(receive: Receive) -> None:
    old, late = receive(letter()), receive(letter())
    began = timezone.now()
    InboundMail.objects.update(kept_at=began - timedelta(days=90), settled_at=began - timedelta(days=30, seconds=1))
    InboundMail.objects.filter(pk=late.pk).update(settled_at=began - timedelta(days=29))

    assert retention.remove_old(began) == 1
    assert _kept() == {late.pk}
    assert not RawMail.objects.filter(pk=old.pk).exists()


@pytest.mark.parametrize("outcome", ["opened", "added", "duplicate", "ignored", "rejected"])
def test_of_settled_mail_the_original_is_removed(receive: Receive, outcome: str) -> None:
    row = receive(letter())
    InboundMail.objects.update(outcome=outcome)

    assert retention.remove_old(_later()) == 1
    assert _kept() == set()
    row.refresh_from_db()
    assert row.trace[-1]["because"] == _why()


@pytest.mark.parametrize(
    "waits",
    [
        {"outcome": "received"},
        {"outcome": "failed"},
        {"outcome": "held"},
        {"retry_at": timezone.now()},
        {"remote": "pending"},
        {"headers_only": True},
        {"settled_at": None},
    ],
    ids=lambda waits: "-".join(waits) + "-" + "-".join(str(each)[:8] for each in waits.values()),
)
def test_what_waits_for_somebody_keeps_its_original(receive: Receive, waits: dict[str, object]) -> None:
    row = receive(letter())
    InboundMail.objects.update(**waits)

    assert retention.remove_old(timezone.now() + timedelta(days=9_000)) == 0
    assert _kept() == {row.pk}


def test_ticket_files_and_the_decision_stay(server: MailServer, removed: InboundMail) -> None:
    note = Ticket.objects.get().notes.get()

    assert "Please see the plan." in note.text
    assert [each.filename for each in note.attachments.all()] == ["plan.pdf"]
    assert (removed.outcome, removed.reason, removed.note) == ("opened", "accepted.new", note)
    assert [step["stage"] for step in removed.trace].count("original") == 1
    assert any(step["stage"] == "gate" for step in removed.trace)
    assert [part["filename"] for part in removed.manifest if part["filename"]] == ["tool.exe", "plan.pdf"]


def test_a_copy_is_still_recognised(server: MailServer, receive: Receive) -> None:
    raw = letter()
    first = receive(raw)
    retention.remove_old(_later())

    again = receive(raw)

    assert (again.outcome, again.duplicate_of) == ("duplicate", first)
    assert Ticket.objects.count() == 1


def test_an_answer_still_finds_its_ticket(server: MailServer, receive: Receive) -> None:
    first = receive(letter(message_id="first@customer.example"))
    retention.remove_old(_later())

    answer = receive(letter(subject="Re: Printer on fire", In_Reply_To="<first@customer.example>"))

    assert (answer.outcome, answer.ticket) == ("added", first.ticket)


# --- In small pieces, once a day ---------------------------------------------------------------


def test_it_goes_in_pieces_the_oldest_first(receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_MAILS", 2)
    monkeypatch.setattr(retention, "MOST_OF_A_RUN", 4)
    rows = [receive(letter()) for _ in range(5)]

    assert retention.remove_old(_later()) == 4
    assert _kept() == {rows[-1].pk}
    assert retention.remove_old(_later()) == 1
    assert retention.remove_old(_later()) == 0


def test_large_mails_go_one_by_one(receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_BYTES", 10)
    for _ in range(2):
        receive(letter())

    assert len(retention._remove_some(_later(), 30, after=0)) == 1
    assert retention.remove_old(_later()) == 1


@pytest.mark.parametrize(("most", "queued"), [(1, 1), (2, 0)])
def test_the_task_goes_on_while_there_is_more_than_one_run_removes(
    receive: Receive, monkeypatch: pytest.MonkeyPatch, most: int, queued: int
) -> None:
    receive(letter())
    InboundMail.objects.update(kept_at=timezone.now() - LATER, settled_at=timezone.now() - LATER)
    monkeypatch.setattr(retention, "MOST_OF_A_RUN", most)

    assert tasks.remove_raw_mails() == 1
    assert OrmQ.objects.count() == queued


def test_it_is_scheduled_once_a_day_however_often_we_start(db: None) -> None:
    for _ in range(2):
        ensure_schedule()

    kinds = dict(Schedule.objects.values_list("func", "schedule_type"))
    assert kinds == {
        "mailchannel.tasks.tick": Schedule.MINUTES,
        "mailchannel.tasks.remind_of_ends": Schedule.HOURLY,
        "mailchannel.tasks.remove_raw_mails": Schedule.DAILY,
    }
    assert all(callable(import_string(each)) for each in kinds)
    assert Schedule.objects.count() == 3


# --- What needs the original says that it is gone -----------------------------------------------


def test_the_page_of_the_mail_says_so_and_offers_nothing_that_needs_it(
    server: MailServer, removed: InboundMail, administrator: Client
) -> None:
    page = administrator.get(f"{LOG}/{removed.pk}/change/").content.decode()

    assert page.count(_why()) == 2  # beside the facts, and in the trace
    assert "What became of the original" in page
    assert "It went with the original." in page
    assert "Restore</button>" not in page
    assert f"{LOG}/{removed.pk}/original/" not in page
    assert f"{LOG}/{removed.pk}/source/" not in page


@pytest.mark.parametrize("what", ["original", "source"])
def test_an_old_link_to_the_original_says_so(
    server: MailServer, removed: InboundMail, administrator: Client, what: str
) -> None:
    answer = administrator.get(f"{LOG}/{removed.pk}/{what}/", follow=True)

    assert answer.redirect_chain == [(f"{LOG}/{removed.pk}/change/", 302)]
    assert [str(message) for message in answer.context["messages"]] == [_why()]


def test_the_ticket_says_so_beside_what_is_known_of_the_mail(
    server: MailServer, removed: InboundMail, administrator: Client
) -> None:
    note = removed.note
    assert note
    page = administrator.get(f"/tickets/{note.ticket.number}/notes/{note.pk}/mail/").content.decode()

    assert _why() in page
    assert "plan.pdf" in page
    assert "Download original" not in page


def test_a_file_that_was_left_out_cannot_be_restored_any_more(
    server: MailServer, removed: InboundMail, agent: User
) -> None:
    (line,) = (part for part in removed.manifest if part["verdict"] == "stripped")

    with pytest.raises(CannotRestore, match=_why()):
        restore(removed, number=line["number"], digest=line["sha256"], by=agent)


@pytest.mark.parametrize("judge", [judge_again.judge_again, judge_again.accept])
def test_it_is_not_judged_again(
    server: MailServer, receive: Receive, agent: User, administrator: Client, judge: Callable[..., object]
) -> None:
    row = receive(letter(sender="spam@evil.example"))
    retention.remove_old(_later())
    before = InboundMail.objects.values().get(pk=row.pk)

    page = administrator.get(f"{LOG}/{row.pk}/change/").content.decode()
    with pytest.raises(CannotJudge, match=_why()):
        judge(row, by=agent)

    assert row.outcome == "ignored"
    assert "Try again</button>" not in page
    assert "Accept it</button>" not in page
    assert InboundMail.objects.values().get(pk=row.pk) == before


def test_a_failed_mail_keeps_its_way_back(server: MailServer, receive: Receive, agent: User) -> None:
    row = receive(letter())
    InboundMail.objects.filter(pk=row.pk).update(outcome="failed", note=None, ticket=None)
    retention.remove_old(_later())

    result = back_to_inbox.put_back(server, [row], by=agent)

    assert [each.pk for each in result.judged] == [row.pk]


def test_the_mail_log_is_tried_on_what_is_left_of_it(server: MailServer, receive: Receive) -> None:
    receive(letter(subject="Old"))
    retention.remove_old(_later())
    receive(letter(subject="New"))

    trial = replay(server, drafts.begin(server))

    assert [row.after.subject for row in trial.rows] == ["New"]


@pytest.mark.parametrize("allow_duplicates", [False, True])
def test_a_mail_somebody_still_has_is_explained_as_that_very_mail(
    server: MailServer, tmp_path: Path, *, allow_duplicates: bool
) -> None:
    server.update(acceptance={"allow_duplicates": allow_duplicates})
    raw = letter()
    row = accept(server, raw, transport="forwarding").row
    settle(server)
    before = explain(server, raw)
    retention.remove_old(_later())
    path = tmp_path / "mail.eml"
    path.write_bytes(raw)
    shown = io.StringIO()

    call_command("explain_mail", str(path), server="Support", json=True, stdout=shown)

    told = json.loads(shown.getvalue())
    assert told["known_as"] == row.pk == before.known_as
    assert (told["outcome"], told["reason"]) == ("opened", "accepted.new")
    assert explain(server, raw.replace(b"\r\n", b"\n")).known_as is None  # only to the letter
