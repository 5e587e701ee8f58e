"""The mail log, the trace of a mail and the outbox."""

from __future__ import annotations

import csv
import html as markup
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailchannel.admin import filters, mail_csv
from mailchannel.admin.mail_csv import inert
from mailchannel.models import InboundMail, MailServer, OutboundMail, RawMail, SettingsVersion
from mailchannel.services.whereabouts import answer
from tests.fixtures import NewServer
from tickets.api import Message, Opening, Written, open_ticket

LOG = "/admin/mailchannel/inboundmail"
HOSTILE = '<script>alert("x")</script>'
NewMail = Callable[..., InboundMail]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRACE = [
    {"stage": "gate", "code": "sender_readable", "verdict": "pass", "because": "one From, one mailbox"},
    {
        "stage": "gate",
        "code": "sender_domain",
        "verdict": "refuse",
        "because": "evil.example is none of northwind.example",
    },
    {"stage": "thread", "code": "none", "verdict": "new", "because": "it answers nothing"},
    {"stage": "map", "code": "title", "verdict": "subject", "because": "filled from “Subject”"},
]


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return new_server()


@pytest.fixture
def ticket(server: MailServer) -> Written:
    return open_ticket(Opening("Standard incident", "Printer", "anna@example.com", Message("It burns.")))


@pytest.fixture
def new_mail(server: MailServer) -> NewMail:
    def make(**columns: Any) -> InboundMail:
        number = InboundMail.objects.count() + 1
        defaults: dict[str, Any] = {
            "server": server,
            "transport": "imap",
            "folder": "INBOX",
            "epoch": "7",
            "remote_key": str(number),
            "identity": f"identity-{number}",
            "message_id": f"{number}@evil.example",
            "sender": "mallory@evil.example",
            "subject": "Access to the payroll share",
            "size": 1200,
            "received_at": datetime(2026, 11, 20, 17, 12, tzinfo=UTC),
            "outcome": "rejected",
            "reason": "rejected.domain",
            "because": "evil.example is none of northwind.example",
            "trace": TRACE,
        }
        return InboundMail.objects.create(**{**defaults, **columns})

    return make


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.req("S0-34")
def test_the_log_is_filtered_by_outcome_reason_server_and_date(administrator: Client, new_mail: NewMail) -> None:
    new_mail(subject="Printer")
    new_mail(subject="I am away", outcome="ignored", reason="ignored.auto_reply")

    assert "Printer" in page(administrator, f"{LOG}/")
    for query in ("outcome__exact=ignored", "reason=ignored.auto_reply"):
        html = page(administrator, f"{LOG}/?{query}")
        assert ">I am away</a>" in html
        assert ">Printer</a>" not in html
    assert ">I am away</a>" not in page(administrator, f"{LOG}/?received_at__gte=2030-01-01+00:00:00%2B00:00")


@pytest.mark.parametrize("words", ["mallory@evil", "payroll", "2@evil.example"])
def test_the_log_is_searched_by_sender_subject_and_message_id(
    administrator: Client, new_mail: NewMail, words: str
) -> None:
    new_mail(subject="Else", sender="kim@example.com")
    new_mail()

    html = page(administrator, f"{LOG}/?q={words}")

    assert "Access to the payroll share" in html
    assert ">Else</a>" not in html


def test_an_empty_log_says_where_to_write(administrator: Client, server: MailServer) -> None:
    assert "support@example.com" in page(administrator, f"{LOG}/")


@pytest.mark.req("S0-34")
def test_mails_that_need_a_person_are_one_click_away(administrator: Client, new_mail: NewMail) -> None:
    for outcome in ("failed", "held", "rejected", "opened", "ignored", "duplicate"):
        new_mail(subject=f"It was {outcome}", outcome=outcome)

    html = page(administrator, f"{LOG}/?needs=person")

    assert [f"It was {each}<" in html for each in ("failed", "held", "rejected")] == [True] * 3
    assert [f"It was {each}<" in html for each in ("opened", "ignored", "duplicate")] == [False] * 3


@pytest.mark.parametrize(
    "query",
    [
        "sender=kim@example.com",
        "sender=Kim@Example.com",
        "sender=@example.com",
        "subject=tea+kettle",
        "message=%3Ckettle-1@example.com%3E",
        "message=kettle-1@example.com",
        "message=kettle",
        "q=%3Ckettle-1@example.com%3E",
        "q=kim@example.com",
        "since=2026-11-20T18:30&until=2026-11-20T18:31",
        "since=2026-11-20T18:31&until=2026-11-20",
        "subject=kettle&sender=example.com&needs=person",
    ],
)
def test_one_mail_is_found_among_others(administrator: Client, new_mail: NewMail, query: str) -> None:
    new_mail(subject="Something else")
    wanted = {"subject": "The tea kettle", "sender": "kim@example.com", "message_id": "kettle-1@example.com"}
    new_mail(**wanted, received_at=datetime(2026, 11, 20, 18, 31, 20, tzinfo=UTC))

    html = page(administrator, f"{LOG}/?{query}")

    assert ">The tea kettle</a>" in html
    assert ">Something else</a>" not in html


@pytest.mark.parametrize(
    "query",
    [
        *("since=yesterday", "until=2026-99-99", "server=x", "p=x"),
        *("since=0001-01-01T00:00%2B05:00", "until=9999-12-31T23:59-05:00"),  # no dates any more in UTC
    ],
)
def test_a_filter_that_means_nothing_breaks_nothing(administrator: Client, new_mail: NewMail, query: str) -> None:
    new_mail()

    assert administrator.get(f"{LOG}/?{query}", follow=True).status_code == 200
    assert administrator.get(f"{LOG}/csv/?{query}", follow=True).status_code == 200


def test_words_of_a_subject_are_looked_for_among_the_newest_mails_and_further_back_on_demand(
    administrator: Client, new_mail: NewMail, monkeypatch: Any
) -> None:
    monkeypatch.setattr(filters, "SUBJECTS_COMPARED", 2)
    old = new_mail(subject="The tea kettle")
    for _ in range(3):
        new_mail(subject="Something else")
    InboundMail.objects.filter(pk=old.pk).update(kept_at=NOON, received_at=NOON)

    for query in ("subject=kettle", "q=kettle"):
        assert ">The tea kettle</a>" not in page(administrator, f"{LOG}/?{query}")
        assert ">The tea kettle</a>" in page(administrator, f"{LOG}/?{query}&until=2026-11-20T12:00")


def test_nothing_found_shows_the_search_again(administrator: Client, new_mail: NewMail) -> None:
    new_mail()

    html = page(administrator, f"{LOG}/?sender=nobody@example.com")

    assert "0 mails" in html
    assert 'value="nobody@example.com"' in html
    assert "Show all mail" in html


def test_a_long_log_is_counted_to_a_bound_only(administrator: Client, server: MailServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(filters, "MOST_COUNTED", 120)
    InboundMail.objects.bulk_create(
        InboundMail(server=server, transport="pipe", remote_key=str(n), identity=str(n), size=1, received_at=NOON)
        for n in range(150)
    )

    with CaptureQueriesContext(connection) as asked:
        html = page(administrator, f"{LOG}/?p=3")

    counts = [
        each["sql"] for each in asked.captured_queries if "COUNT(" in each["sql"] and "inboundmail" in each["sql"]
    ]
    assert counts and all("LIMIT 120" in sql for sql in counts)
    assert not [each["sql"] for each in asked.captured_queries if "DISTINCT" in each["sql"]]
    assert html.count('class="action-select"') == 20


def test_the_list_is_a_csv_file_that_runs_nothing(administrator: Client, new_mail: NewMail) -> None:
    new_mail(subject="=HYPERLINK(1)", sender="+kim@example.com", because="@SUM(1)", message_id="-1@example.com")
    new_mail(subject="Not of these", sender="else@example.com", outcome="opened", reason="accepted.new", because="")

    answer = administrator.get(f"{LOG}/csv/?needs=person")

    text = b"".join(answer).decode("utf-8-sig")
    head, line = csv.reader(StringIO(text))
    assert head[:5] == ["Received", "Outcome", "Reason", "Why", "Sender"]
    assert line[3:7] == ["'@SUM(1)", "'+kim@example.com", "'=HYPERLINK(1)", "'-1@example.com"]
    assert answer["Content-Disposition"].startswith("attachment")
    assert LogEntry.objects.get().change_message == "Downloaded a list: needs=person"


def test_the_file_ends_with_the_newest_so_many_mails(
    administrator: Client, new_mail: NewMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_csv, "MOST_ROWS", 2)
    for number in range(3):
        new_mail(subject=f"Mail {number}")

    _, *lines = csv.reader(StringIO(b"".join(administrator.get(f"{LOG}/csv/")).decode("utf-8-sig")))

    assert [line[5] for line in lines] == ["Mail 2", "Mail 1"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "＝1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert inert(f"a{text}") == f"a{text}"


@pytest.mark.parametrize(("text", "harmless"), [("a;=1", "a;'=1"), ("a; -1;b", "a;' -1;b"), ("=1;+2", "'=1;'+2")])
def test_a_semicolon_begins_a_cell_where_the_comma_is_for_decimals(text: str, harmless: str) -> None:
    assert inert(text) == harmless


@pytest.mark.req("S0-45")
def test_the_trace_shows_every_step_with_its_verdict_and_why(administrator: Client, new_mail: NewMail) -> None:
    html = page(administrator, f"{LOG}/{new_mail().pk}/change/")

    assert "Not a ticket: evil.example is none of northwind.example" in html
    assert "Allowed domain" in html
    assert "one From, one mailbox" in html
    assert "What it would have become otherwise" in html
    assert "filled from “Subject”" in html
    assert "rejected.domain" in html


@pytest.mark.parametrize(
    "options",
    [
        {"sender": "kim@"},
        {"subject": "kettle"},
        {"message_id": "<kettle-1@example.com>"},
        {"needs_person": True},
        {"outcome": "held"},
        {"server": "Support", "since": "1h", "sender": "KIM"},
    ],
)
def test_the_command_finds_what_the_page_finds(new_mail: NewMail, options: dict[str, Any]) -> None:
    new_mail(outcome="opened")
    wanted = {"subject": "The tea kettle", "sender": "kim@example.com", "message_id": "kettle-1@example.com"}
    new_mail(**wanted, outcome="held", reason="held.auth")
    out = StringIO()

    call_command("mail_log", json=True, stdout=out, **options)
    call_command("mail_log", json=True, until="2026-01-01", stdout=out)

    assert [json.loads(line)["subject"] for line in out.getvalue().splitlines()] == ["The tea kettle"]


def test_the_command_takes_the_whole_of_a_day(new_mail: NewMail) -> None:
    new_mail()
    InboundMail.objects.update(kept_at=NOON)
    out = StringIO()

    call_command("mail_log", json=True, since="2026-11-20", until="2026-11-20", stdout=out)

    assert len(out.getvalue().splitlines()) == 1


@pytest.mark.parametrize("since", ["yesterday", "2026-99-99", "999999d"])
def test_the_command_says_how_a_time_is_written(since: str) -> None:
    with pytest.raises(CommandError, match=r"is no time\. Write 2026-01-31"):
        call_command("mail_log", since=since)


@pytest.mark.req("S0-45", "S1-25")
def test_what_decided_comes_first_and_every_other_step_follows(administrator: Client, new_mail: NewMail) -> None:
    html = page(administrator, f"{LOG}/{new_mail().pk}/change/")

    steps = re.findall(r'<span class="mono code">([^<]+)</span>', html)
    assert steps == ["gate.sender_domain", "gate.sender_readable", "thread.none", "map.title"]
    assert '<li class="refuse stop">' in html


def test_the_version_of_the_settings_leads_to_what_they_were(
    administrator: Client, new_mail: NewMail, server: MailServer
) -> None:
    for number in range(1, 26):
        SettingsVersion.objects.create(server=server, number=number)

    html = page(administrator, f"{LOG}/{new_mail(version=2).pk}/change/")

    link = f"/admin/mailchannel/mailserver/{server.pk}/versions/?page=2#version-2"
    assert f'<a href="{link}">version 2</a>' in html
    assert 'id="version-2"' in page(administrator, link.partition("#")[0])
    assert "versions/?page" not in page(administrator, f"{LOG}/{new_mail(version=99).pk}/change/")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "support@example.com takes mail of certain senders only"),
        ({"outcome": "held", "reason": "held.auth"}, "It waits for one of us to look at it."),
        ({"outcome": "failed", "reason": "failed.rule"}, "We have it and are looking after it."),
        ({"outcome": "ignored", "reason": "ignored.auto_reply"}, "taken for an automatic message"),
        ({"outcome": "ignored", "reason": "ignored.blocked"}, "Mail from this address is not accepted here"),
        ({"outcome": "received", "reason": ""}, "stored safely"),
    ],
)
def test_the_customer_who_asks_gets_an_answer_without_our_lists(
    administrator: Client, new_mail: NewMail, columns: dict[str, str], said: str
) -> None:
    html = markup.unescape(page(administrator, f"{LOG}/{new_mail(**columns).pk}/change/"))

    (told,) = re.findall(r'<textarea id="whereabouts"[^>]*readonly>([^<]*)</textarea>', html)
    assert told.startswith("Your mail “Access to the payroll share” reached us on 20 November 2026 at 17:12")
    assert said in told
    assert "northwind.example" not in told


@pytest.mark.parametrize("outcome", ["opened", "added"])
def test_a_customer_whose_ticket_was_deleted_is_not_told_half_a_sentence(new_mail: NewMail, outcome: str) -> None:
    said = answer(new_mail(outcome=outcome, reason="accepted.new"))

    assert said.endswith("It became part of a ticket, which does not exist any more.")


def test_the_customer_is_told_the_ticket_also_for_a_second_copy(new_mail: NewMail, ticket: Written) -> None:
    first = new_mail(outcome="opened", reason="accepted.new", ticket_id=ticket.ticket_id)
    copy = new_mail(outcome="duplicate", reason="duplicate.same_message", duplicate_of=first)

    assert f"It became ticket {ticket.number}." in answer(first)
    assert f"it is in ticket {ticket.number}." in answer(copy)


def test_the_trace_is_one_step_from_the_ticket(administrator: Client, new_mail: NewMail, ticket: Written) -> None:
    mail = new_mail(outcome="opened", reason="accepted.new", ticket_id=ticket.ticket_id, note_id=ticket.note_id)

    assert f"{LOG}/{mail.pk}/change/" in page(administrator, f"/tickets/{ticket.number}/")


def test_an_accepted_mail_leads_to_its_ticket(administrator: Client, new_mail: NewMail, ticket: Written) -> None:
    mail = new_mail(outcome="opened", reason="accepted.new", because="", ticket_id=ticket.ticket_id)

    html = page(administrator, f"{LOG}/{mail.pk}/change/")

    assert f'href="/tickets/{ticket.number}/"' in html
    assert "Became a ticket" in html


@pytest.mark.req("AD-10")
def test_whatever_a_stranger_wrote_is_shown_as_text(administrator: Client, new_mail: NewMail) -> None:
    step = {"stage": HOSTILE, "code": HOSTILE, "verdict": HOSTILE, "because": HOSTILE}
    mail = new_mail(
        subject=HOSTILE,
        sender=HOSTILE,
        message_id=HOSTILE,
        folder=HOSTILE,
        because=HOSTILE,
        filed_to=HOSTILE,
        trace=[step],
    )

    for url in (f"{LOG}/", f"{LOG}/{mail.pk}/change/", f"{LOG}/?q=%3Cscript%3E"):
        html = page(administrator, url)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


def test_a_mail_that_is_not_settled_yet_has_a_page_too(administrator: Client, new_mail: NewMail) -> None:
    mail = new_mail(outcome="received", reason="", because="", trace=[], subject="", sender="")

    html = page(administrator, f"{LOG}/{mail.pk}/change/")

    assert "waits for the worker" in html
    assert "unreadable sender" in html


@pytest.mark.req("AD-06")
def test_the_original_is_a_download_nobody_can_run_and_is_audited(administrator: Client, new_mail: NewMail) -> None:
    mail = new_mail()
    raw = b"From: mallory@evil.example\r\n\r\n<script>alert(1)</script>"
    RawMail.objects.create(inbound=mail, sha256="0" * 64, data=RawMail.pack(raw))

    answer = administrator.get(f"{LOG}/{mail.pk}/original/")

    assert answer.content == raw
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "message/rfc822"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert LogEntry.objects.filter(change_message="Downloaded the original.", object_id=str(mail.pk)).exists()


@pytest.mark.req("AD-06")
def test_the_original_needs_a_permission_of_its_own(signed_in: Callable[..., Client], new_mail: NewMail) -> None:
    mail = new_mail()
    RawMail.objects.create(inbound=mail, sha256="0" * 64, data=RawMail.pack(b"secret"))
    client = signed_in("view_inboundmail")

    assert "Original (" not in page(client, f"{LOG}/{mail.pk}/change/")
    assert client.get(f"{LOG}/{mail.pk}/original/").status_code == 403


def test_nobody_edits_the_record(administrator: Client, new_mail: NewMail) -> None:
    mail = new_mail()

    assert administrator.get(f"{LOG}/add/").status_code == 403
    assert administrator.post(f"{LOG}/{mail.pk}/delete/", {"post": "yes"}).status_code == 403
    administrator.post(f"{LOG}/{mail.pk}/change/", {"subject": "Other"})
    mail.refresh_from_db()
    assert mail.subject == "Access to the payroll share"


def test_the_outbox_shows_what_left_and_what_did_not(
    administrator: Client, server: MailServer, ticket: Written
) -> None:
    sent = OutboundMail.objects.create(
        server=server,
        ticket_id=ticket.ticket_id,
        kind="reply",
        cause="note 1",
        message_id="a@example.com",
        recipients=["anna@example.com"],
        subject=f"Re: {HOSTILE}",
        raw=b"secret body",
        state="failed",
        error="550 no such user",
        next_try_at=datetime(2026, 11, 20, tzinfo=UTC),
    )

    for url in ("/admin/mailchannel/outboundmail/", f"/admin/mailchannel/outboundmail/{sent.pk}/change/"):
        html = page(administrator, url)
        assert "anna@example.com" in html
        assert "550 no such user" in html
        assert "<script>alert" not in html
        assert "secret body" not in html
