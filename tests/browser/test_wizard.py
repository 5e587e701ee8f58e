"""The wizard in a real browser: what needs JavaScript works, under the content policy, with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from mailchannel.models import MailServer
from tests.admin.typing import typed_connection
from tests.browser.conftest import OpenPage
from tests.fixtures import NewServer
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=15_000)  # a refused sign-in is answered slowly on purpose
#: Names of the closed boxes that cut off what is chosen in them.
TOO_NARROW = """() => [...document.querySelectorAll("#step select")].filter((box) => {
  const whole = box.cloneNode(true);
  whole.style.cssText = "width: auto !important; position: absolute";
  box.after(whole);
  const wide = whole.offsetWidth > box.offsetWidth;
  whole.remove();
  return wide;
}).map((box) => box.name)"""
SELECTS = {"encryption", "sending-encryption"}


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("ada", "ada@corp.example")


@pytest.fixture
def typed(dovecot: Mailbox, smtp_sink: SmtpSink) -> dict[str, Any]:
    return typed_connection(dovecot, smtp_sink)


def fill(page: Page, typed: dict[str, Any]) -> None:
    page.get_by_label("Sign in with the same user name").uncheck()
    page.get_by_label("The login name is the mail address").uncheck()
    for name, value in typed.items() - {("protocol", "imap")}:  # choosing one brings its fields anew
        box = page.locator(f"[name='{name}']")
        box.select_option(value) if name in SELECTS else box.fill(value)


def test_a_connection_is_tested_beside_the_form_without_losing_what_was_typed(
    open_page: OpenPage, administrator: User, typed: dict[str, Any]
) -> None:
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/")
    fill(page, {**typed, "password": "wrong"})

    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#id_password_error")).to_contain_text("did not accept")
    page.locator("#id_password").fill(typed["password"])
    page.get_by_role("button", name="Test connection").click()

    expect(page.locator("#findings")).to_contain_text(f"Signed in as {typed['username']}.")
    expect(page.locator("#id_password_error")).to_be_empty()
    assert page.locator("#id_password").input_value() == typed["password"]
    assert page.locator("#id_host").input_value() == typed["host"]
    assert page.complaints == []  # type: ignore[attr-defined]


def test_folders_are_ticked_and_the_template_brings_its_fields(
    open_page: OpenPage, administrator: User, typed: dict[str, Any], dovecot: Mailbox, template: TicketTemplate
) -> None:
    dovecot.create("Customers")
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/")
    fill(page, typed)
    page.get_by_role("button", name="Save and go on to Folders").click()

    expect(page.locator("input[name='source'][value='INBOX']")).to_be_checked()
    page.locator("input[name='source'][value='Customers']").check()
    page.get_by_role("button", name="Save and go on to Who may write").click()
    page.get_by_role("button", name="Save and go on to Ticket mapping").click()
    page.locator("#id_template").select_option(label=template.name)
    expect(page.locator("#id_map-affected_system-default")).to_be_visible()
    page.locator("#id_map-affected_system-default").fill("unknown")
    page.get_by_role("button", name="Save and go on to Answers and alerts").click()
    page.get_by_role("button", name="Save and go on to Review and publish").click()
    expect(page.locator("#findings")).to_contain_text("“Customers” holds 0 mails")
    page.get_by_role("button", name="Publish and start reading").click()

    expect(page.locator(".wz-head .tag")).to_contain_text("Active")
    server = MailServer.objects.get()
    assert {row.folder for row in server.folders.filter(role="source")} == {"INBOX", "Customers"}
    assert page.complaints == []  # type: ignore[attr-defined]


@pytest.mark.req("S0-23", "S0-24", "S4-09")
def test_deleting_is_warned_of_and_a_folder_is_asked_for_only_where_mail_is_moved(
    open_page: OpenPage, administrator: User, new_server: NewServer, new_mailbox: NewMailbox
) -> None:
    server = new_server(new_mailbox(Options(hidden=("UIDPLUS",))), status=MailServer.Status.DRAFT, reached=5)
    page = open_page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/folders/")
    warning = page.get_by_text("Deleted mail is gone from the mailbox")
    expect(page.locator("#id_success")).to_be_visible()
    expect(warning).to_be_hidden()

    page.get_by_label("Processed mail", exact=True).select_option(label="Delete")
    page.get_by_label("Ignored mail", exact=True).select_option(label="Mark as read and leave")

    expect(warning).to_be_visible()
    for hidden in ("#id_success", "#id_exclusion"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#id_fail")).to_be_visible()
    assert page.evaluate(TOO_NARROW) == []
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#folder-creation")).to_contain_text("This mail server cannot delete single mails")
    server.refresh_from_db()
    assert server.after == {"processed": "delete", "ignored": "mark_read", "failed": "move"}
    assert {row.role for row in server.folders.all()} == {"source", "fail"}
    assert page.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_the_window(open_page: OpenPage, administrator: User, width: int) -> None:
    page = open_page(administrator, "/admin/", viewport={"width": width, "height": 800})

    for path in ("mailserver/", "mailserver/add/", "inboundmail/", "outboundmail/"):
        page.goto(f"/admin/mailchannel/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_enter_saves_and_goes_on(open_page: OpenPage, administrator: User) -> None:
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/")

    page.locator("#id_name").fill("Support")
    page.locator("#id_name").press("Enter")

    expect(page.locator("#id_address")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet.")


def test_every_choice_fits_its_box(open_page: OpenPage, administrator: User) -> None:
    """The closed box shows the chosen entry; the longest one must not be cut off."""
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/", viewport={"width": 1280, "height": 800})

    assert page.evaluate(TOO_NARROW) == []


def test_folders_whose_list_never_arrives_say_so(
    open_page: OpenPage, administrator: User, typed: dict[str, Any]
) -> None:
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/")
    fill(page, typed)
    page.route("**/folders/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name="Save and go on to Folders").click()

    expect(page.locator("#folder-choice [role=status]")).to_contain_text("The answer did not arrive.")
