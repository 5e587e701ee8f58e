"""The mail log, the trace of a mail and the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.models import InboundMail, MailServer, OutboundMail, RawMail
from tests.fixtures import NewServer
from tickets.api import Message, Opening, Written, open_ticket

LOG = "/admin/mailchannel/inboundmail"
HOSTILE = '<script>alert("x")</script>'
NewMail = Callable[..., InboundMail]
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


@pytest.mark.req("S0-45")
def test_the_trace_shows_every_step_with_its_verdict_and_why(administrator: Client, new_mail: NewMail) -> None:
    html = page(administrator, f"{LOG}/{new_mail().pk}/change/")

    assert "Not a ticket: evil.example is none of northwind.example" in html
    assert "Allowed domain" in html
    assert "one From, one mailbox" in html
    assert "What it would have become otherwise" in html
    assert "filled from “Subject”" in html
    assert "rejected.domain" in html


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
