"""A dry run on a real mailbox changes nothing anywhere, and foretells what the real run does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from mailchannel.compose.headers import message_id
from mailchannel.kernel.decisions import Outcome
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import publish
from mailchannel.services.fetch import fetch
from mailchannel.services.push import accept
from mailchannel.services.rehearsal import Row, rehearse
from mailchannel.services.settle import settle
from tests.fixtures import NewServer
from tests.hostile.mails import file, mail, multipart, text
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tickets.api import signature
from tickets.models import Contact, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCEPTANCE: dict[str, Any] = {
    "blocked_senders": ["spam@ads.example", "*@blocked.example"],
    "auto_reply_words": ["unsubscribe"],
    "only_if_in_to": True,
    "largest_mail_mb": 1,
}
Draft = Callable[..., MailServer]


@pytest.fixture
def draft(dovecot: Mailbox, new_server: NewServer) -> Draft:
    """A mail server nobody has published yet, ready for it."""

    def make(**columns: Any) -> MailServer:
        state = {"status": MailServer.Status.DRAFT, "sync_start": START, "confirmation": {"send_confirmation": False}}
        return new_server(dovecot, **{**state, **columns})

    return make


@pytest.mark.slow
@pytest.mark.req("S0-30", "S3-08")
def test_two_hundred_mails_are_foretold_and_nothing_changes(dovecot: Mailbox, draft: Draft) -> None:
    server = draft(acceptance=ACCEPTANCE)
    server.domains.create(domain="customer.example")
    server.domains.create(domain="example.com")
    ticket = _earlier_ticket(server)
    mails = _varied(ticket)
    assert len(mails) == 200
    for raw, old in mails:
        dovecot.deliver(raw, internal_date=datetime(2025, 5, 1, tzinfo=UTC) if old else None)
    tables, mailbox = _tables(), _state(dovecot)

    trial = rehearse(server, last=200)

    assert (trial.error, trial.wanted, len(trial.rows)) == ("", 200, 200)
    assert _state(dovecot) == mailbox
    assert _tables() == tables

    publish.publish(server, by=None)
    server.refresh_from_db()
    assert fetch(server).error == ""
    real = _in_the_order_of_the_inbox()
    assert [_end(row) for row in trial.rows] == [(row.outcome, row.reason) for row in real]
    assert [row.after.headers_only for row in trial.rows] == [row.headers_only for row in real]
    assert {row.outcome for row in real} >= {"opened", "added", "duplicate", "ignored", "rejected", "failed"}
    assert len({row.reason for row in real}) >= 13
    _same_threads(trial.rows, real)


def _same_threads(rows: list[Row], real: list[InboundMail]) -> None:
    """Mails foretold to meet on one ticket do."""
    numbers = {
        row.after.thread: mail.ticket.number for row, mail in zip(rows, real, strict=True) if mail.ticket is not None
    }
    joined = [(row.after.thread, mail) for row, mail in zip(rows, real, strict=True) if row.after.thread]
    assert all(mail.ticket is not None and mail.ticket.number == numbers[thread] for thread, mail in joined)
    assert len(set(numbers.values())) == len(numbers)


def test_the_one_row_it_writes_says_who_looked(dovecot: Mailbox, draft: Draft, agent: User) -> None:
    server = draft()
    dovecot.deliver(letter())
    tables = _tables()

    rehearse(server, by=agent)

    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (
        agent,
        "Tried the settings on 1 mails of the mailbox; nothing changed.",
    )
    assert _tables() == tables


def test_who_becomes_a_contact_by_one_batch_is_known_in_the_next(dovecot: Mailbox, draft: Draft) -> None:
    """Ann is known and writes for Bo, whose own mail follows in the same batch, and again 50 mails later."""
    Contact.objects.create(email="ann@customer.example")
    server = draft(acceptance={"unknown_senders": "refuse"})
    server.mappings.filter(field="requester").update(property="cc")
    for_bo = letter(Cc="bo@customer.example")
    dovecot.deliver_all([for_bo, letter(sender="bo@customer.example"), *(letter(subject=f"{n}") for n in range(48))])
    dovecot.deliver(letter(sender="bo@customer.example"))

    foretold = [_end(row) for row in rehearse(server, last=60).rows]
    publish.publish(server, by=None)
    fetch(MailServer.objects.get())

    real = [(row.outcome, row.reason) for row in _in_the_order_of_the_inbox()]
    assert foretold == real
    assert [real[1][1], real[50][1]] == ["rejected.unknown_user", "accepted.new"]


def test_publishing_without_a_start_date_leaves_present_mail_and_the_trial_says_so(
    dovecot: Mailbox, draft: Draft
) -> None:
    server = draft(sync_start=None)
    dovecot.deliver(letter(), internal_date=START)

    assert _end(*rehearse(server).rows) == ("ignored", "ignored.before_start_date")
    assert _end(*rehearse(server, ignore_start=True).rows) == ("opened", "accepted.new")


@pytest.mark.req("S0-29", "S0-06")
def test_the_preview_has_every_value_with_its_origin_and_every_file(dovecot: Mailbox, draft: Draft) -> None:
    server = draft()
    dovecot.deliver(multipart(text(b"It burns"), file(b"MZ\x90", b'filename="fix.exe"'), file(b"abc")))

    (row,) = rehearse(server).rows

    preview = row.after.preview
    assert preview is not None
    values = {each.label: (each.value, each.origin) for each in preview.values}
    assert preview.template == "Standard incident"
    assert values["Title"] == ("Printer on fire", "filled from “Subject”")
    assert values["Affected system"] == ("unknown", "the rule names a fixed value")
    assert [(each.name, each.verdict) for each in preview.files] == [("fix.exe", "left out"), ("a.bin", "kept")]
    assert "files of the type exe are not accepted here" in preview.files[0].because
    assert {step.stage for step in row.after.trace} >= {"gate", "thread", "map", "file"}


def test_only_the_newest_are_tried_over_all_folders(dovecot: Mailbox, draft: Draft) -> None:
    server = draft()
    dovecot.create("Sales")
    server.folders.create(role="source", folder="Sales")
    for day, folder in ((5, "INBOX"), (1, "INBOX"), (4, "Sales"), (2, "Sales")):
        when = datetime(2026, 3, day, tzinfo=UTC)
        dovecot.deliver(letter(subject=f"day {day}"), folder, internal_date=when)

    trial = rehearse(server, last=2)

    assert [row.after.subject for row in trial.rows] == ["day 5", "day 4"]
    assert (trial.wanted, trial.there) == (2, 4)


def test_when_the_time_is_over_it_says_how_far_it_came(dovecot: Mailbox, draft: Draft) -> None:
    server = draft()
    dovecot.deliver_all([letter() for _ in range(3)])

    trial = rehearse(server, seconds=0)

    assert (len(trial.rows), trial.wanted, trial.late) == (0, 3, True)


def test_mail_that_was_put_back_into_the_inbox_is_no_copy_of_itself(dovecot: Mailbox, draft: Draft) -> None:
    server = draft()
    raw = letter()
    failed = accept(server, raw, transport="imap").row
    InboundMail.objects.filter(pk=failed.pk).update(outcome="failed", reason="failed.rule", retry_at=timezone.now())
    dovecot.deliver(raw)

    foretold = [_end(row) for row in rehearse(server).rows]
    publish.publish(server, by=None)
    fetch(MailServer.objects.get())

    assert foretold == [(row.outcome, row.reason) for row in InboundMail.objects.all()] == [("opened", "accepted.new")]


def test_a_mailbox_out_of_reach_is_an_answer(dovecot: Mailbox, draft: Draft) -> None:
    server = draft(connection={**dovecot.settings, "username": "nobody@example.com"})

    trial = rehearse(server)

    assert trial.rows == []
    assert "did not accept" in trial.error


def test_mail_the_log_knows_is_judged_as_that_very_mail(
    dovecot_without_uidplus: Mailbox, new_server: NewServer
) -> None:
    """This server cannot move mail, so it stays in the inbox for ever."""
    server = new_server(dovecot_without_uidplus)
    dovecot_without_uidplus.deliver(letter())
    fetch(server)

    (row,) = rehearse(server).rows

    assert (row.after.known_as, row.after.outcome) == (InboundMail.objects.get().pk, Outcome.OPENED)


def _in_the_order_of_the_inbox() -> list[InboundMail]:
    return sorted(InboundMail.objects.filter(folder="INBOX"), key=lambda row: int(row.remote_key))


def _end(row: Row) -> tuple[str, str]:
    return row.after.outcome.value, row.after.reason


def _earlier_ticket(server: MailServer) -> Ticket:
    accept(server, letter(message_id="before@customer.example"), transport="forwarding")
    settle(server)
    return Ticket.objects.get()


def _varied(ticket: Ticket) -> list[tuple[bytes, bool]]:
    """(mail, is it from before the start date?): 200 of many kinds, in an order that mixes them."""
    mails: list[tuple[bytes, bool]] = []
    for turn in range(10):
        first = letter(message_id=f"t{turn}@customer.example", subject=f"Turn {turn}")
        resent = b"Received: from elsewhere.example\r\n" + first
        our_id = message_id(ticket.number, f"n{turn}", signature(ticket.pk, f"n{turn}"), "example.com")
        mails += [
            (first, False),
            (letter(In_Reply_To=f"<t{turn}@customer.example>", message_id=f"u{turn}@customer.example"), False),
            (letter(References=f"<x@y.example> <u{turn}@customer.example>"), False),
            (letter(sender="bo@customer.example", In_Reply_To=f"<t{turn}@customer.example>"), False),
            (first, False),
            (resent, False),
            (letter(sender="spam@ads.example"), False),
            (letter(sender="x@blocked.example", In_Reply_To=f"<t{turn}@customer.example>"), False),
            (letter(sender="eve@elsewhere.example"), False),
            (letter(Auto_Submitted="auto-replied"), False),
            (letter(to="all@customer.example", Cc="support@example.com"), False),
            (letter(subject="Please unsubscribe me"), False),
            (letter(sender="support@example.com"), False),
            (letter(subject=f"Re: [{ticket.number}]", In_Reply_To="<before@customer.example>"), turn % 2 == 1),
            (letter(In_Reply_To=f"<{our_id}>"), False),
            (letter(subject=f"From before {turn}"), True),
            (_odd(turn), False),
            (letter(body="x" * 1_100_000) if turn < 3 else letter(message_id=f"t{turn - 3}@customer.example"), False),
            (multipart(text(b"see file"), file(b"MZ", b'filename="a.exe"'), message_id=b""), False),
            (_report(our_id if turn % 2 else "unknown@example.com", turn), False),
        ]
    return mails


def _odd(turn: int) -> bytes:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(150))
    return (
        mail(sender=None),
        mail(b"From: b@example.com"),
        mail(subject=b"Subject: a\0b", body=b"\0\r\n"),
        b"\r\n",
        mail(b"MIME-Version: 1.0", body=b"")[:-4] + b"\r\n" + deep,
        mail(b"Content-Type: text/plain; charset=none", body=b"\xff\xfe\x80"),
        mail(b"X: " + b"y" * 300_000),
        b"no header at all",
        mail(sender=b"From: \xff\xfe <a@example.com>", message_id=b"Message-ID: <odd@>"),
        multipart(text(b"a"), b"", boundary=b"x" * 200),
    )[turn]


def _report(original: str, turn: int) -> bytes:
    head = f"From: mailer-daemon@mx{turn}.example\r\nTo: support@example.com\r\nSubject: Undelivered {turn}\r\n"
    kind = 'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    status = "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
    failed = "Final-Recipient: rfc822; ann@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    back = f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{original}>\r\n\r\n--b--\r\n"
    return (head + kind + status + failed + back).encode()


def _tables() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of ours, but for the history."""
    models = [
        model
        for app in ("mailchannel", "tickets", "django_q", "auth")
        for model in apps.get_app_config(app).get_models()
    ]
    return {model._meta.label: list(model._base_manager.order_by("pk").values_list()) for model in models}


def _state(mailbox: Mailbox) -> dict[str, Any]:
    """Whatever a look with changes would leave: UIDs, flags, what counts as new, the next UID."""
    counters = "(MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY)"
    with mailbox.client() as client:
        status = {folder: client.status(f'"{folder}"', counters) for folder in mailbox.folders()}
    files = sorted(re.sub(r"\d+\.M\w+", "m", str(path)) for path in mailbox.directory.rglob("*") if path.is_file()
                   and path.parent.name in ("new", "cur"))  # fmt: skip
    return {"status": status, "flags": mailbox.flags(), "files": files}
