"""The way to another template in a real browser: copy, choose, publish in place of the original."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from mailchannel.models import MailServer
from mailchannel.services import publish
from tests.browser.conftest import OpenPage, shot
from tests.browser.test_accessibility import serious_in_any_light
from tests.fixtures import NewServer
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=15_000)


@pytest.mark.req("S0-33")
@pytest.mark.parametrize("width", [400, 1280])
def test_a_locked_template_leads_to_a_copy_that_takes_over(
    open_page: OpenPage, new_server: NewServer, dovecot: Mailbox, smtp_sink: SmtpSink, width: int
) -> None:
    administrator = User.objects.create_superuser("ada", "ada@corp.example")
    server = new_server(dovecot, sink=smtp_sink, status=MailServer.Status.DRAFT, reached=5)
    publish.publish(server, by=administrator)
    assert server.template is not None
    TicketTemplate.objects.create(name="Request", ticket_type=server.template.ticket_type, status="published")
    base = "/admin/mailchannel/mailserver"
    page = open_page(administrator, f"{base}/{server.pk}/ticket/", viewport={"width": width, "height": 900})

    assert serious_in_any_light(page) == []
    page.get_by_role("link", name="make a copy").click()
    shot(page, f"copy-offered-{width}")
    page.get_by_role("button", name="Make a copy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Support (copy)")
    page.locator("#id_template").select_option(label="Request")
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#id_confirm-send_confirmation")).to_be_visible()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", name="“Support” reads this mailbox already")).to_be_visible()
    assert serious_in_any_light(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot(page, f"copy-take-over-{width}")
    page.get_by_role("button", name="Publish and switch off “Support”").click()

    expect(page.locator(".wz-head .tag")).to_contain_text("Active")
    statuses = MailServer.objects.values_list("name", "status", "template__name")
    assert set(statuses) == {("Support", "paused", "Standard incident"), ("Support (copy)", "active", "Request")}
    assert page.complaints == []  # type: ignore[attr-defined]
