"""The main road as people walk it: an administrator in the wizard, a customer's mail program, an agent on the desk."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from mailchannel.models import MailServer
from mailchannel.services.schedule import ensure_schedule, fetch_soon
from tests.admin.typing import typed_connection
from tests.browser.conftest import OpenPage
from tests.browser.test_wizard import fill
from tests.letters import letter
from tests.running.processes import ROOT
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE = 30  # seconds


@pytest.fixture
def administrator(transactional_db: None) -> User:
    return User.objects.create_superuser("ada", "ada@corp.example")


@pytest.fixture
def worker(transactional_db: None, command_environment: dict[str, str]) -> Iterator[None]:
    """A real worker on the real queue, as `manage.py up` runs it."""
    ensure_schedule()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"], cwd=ROOT, env=command_environment, stderr=subprocess.DEVNULL
    )
    yield
    process.terminate()
    process.wait(timeout=60)


def until(what: Callable[[], Any]) -> Any:
    """What the worker brings about sooner or later."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "the worker did not get there"
        time.sleep(0.1)
    return found


def make_template(page: Page) -> None:
    page.goto("/admin/tickets/tickettype/add/")
    page.get_by_label("Name").fill("Incident")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto("/admin/tickets/tickettemplate/add/")
    page.get_by_label("Name").fill("Standard incident")
    page.locator("#id_ticket_type").select_option(label="Incident")
    page.locator("#id_status").select_option(label="Published")
    page.get_by_role("button", name="Save", exact=True).click()


def walk_the_wizard(page: Page, typed: dict[str, Any]) -> None:
    page.goto("/admin/mailchannel/mailserver/add/")
    fill(page, typed)
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#findings")).to_contain_text(f"Signed in as {typed['username']}.")
    page.get_by_role("button", name="Save and go on to Folders").click()
    page.get_by_role("button", name="Save and go on to Who may write").click()
    page.get_by_role("button", name="Save and go on to Ticket mapping").click()
    page.locator("#id_template").select_option(label="Standard incident")
    page.get_by_role("button", name="Save and go on to Answers and alerts").click()
    page.get_by_role("button", name="Save and go on to Review and publish").click()
    page.get_by_role("button", name="Publish and start reading").click()
    expect(page.locator(".wz-head .tag")).to_contain_text("Active")


@pytest.mark.req("S0-01", "S0-02", "S0-05", "S0-08", "S0-30", "S0-51")
def test_from_an_empty_database_to_an_answered_ticket(
    open_page: OpenPage, administrator: User, worker: None, dovecot: Mailbox, smtp_sink: SmtpSink
) -> None:
    page = open_page(administrator, "/")
    make_template(page)
    typed = typed_connection(dovecot, smtp_sink)
    walk_the_wizard(page, typed)
    server = MailServer.objects.get()

    dovecot.deliver(
        letter(to=server.address, subject="The scanner blinks", body="It blinks red.", message_id="1@customer.example")
    )
    fetch_soon(server.pk)
    ticket = until(Ticket.objects.first)
    page.goto("/")
    page.get_by_role("link", name="The scanner blinks").first.click()
    expect(page.locator(".stream")).to_contain_text("It blinks red.")

    page.locator("#id_text").fill("Please switch it off and on.")
    page.get_by_role("button", name="Send and wait").click()
    expect(page.locator(".stream")).to_contain_text("Please switch it off and on.")
    answer = until(lambda: [sent for sent in smtp_sink.sent if "Auto-Submitted" not in sent.message])[0].message
    assert answer["To"] == "ann@customer.example"
    assert answer["In-Reply-To"] == "<1@customer.example>"
    assert ticket.number in answer["Subject"]
    assert "switch it off" in answer.get_content()

    reply = letter(
        to=server.address,
        subject=f"Re: {answer['Subject']}",
        body="Now it is green, thank you.",
        In_Reply_To=answer["Message-ID"],
        References=answer["Message-ID"],
    )
    dovecot.deliver(reply)
    fetch_soon(server.pk)
    until(lambda: ticket.notes.filter(text__contains="Now it is green").first())
    page.reload()
    expect(page.locator(".stream")).to_contain_text("Now it is green, thank you.")
    expect(page.locator(".stream")).to_contain_text("sent")

    note = ticket.notes.get(text__contains="Now it is green")
    assert (Ticket.objects.count(), note.visibility, note.direction) == (1, "public", "in")
    assert (len(dovecot.mails("INBOX")), len(dovecot.mails("Processed"))) == (0, 2)
    assert page.complaints == []  # type: ignore[attr-defined]
