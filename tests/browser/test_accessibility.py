"""Every page an administrator or agent works on, as axe-core sees it; and the whole wizard with the keyboard alone."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from mailchannel.models import InboundMail, MailServer
from mailchannel.services import drafts, publish
from mailchannel.services.fetch import fetch
from mailchannel.services.inbox import is_inbox, open_up
from mailchannel.transports import TRANSPORTS
from tests.admin.typing import typed_connection
from tests.browser.conftest import OpenPage, shot
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect.set_options(timeout=15_000)  # a refused sign-in is answered slowly on purpose
STEPS = ("connection", "folders", "senders", "ticket", "answers", "review")
WIDTHS = (1280, 400)
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
LOOKS = [{"width": width, "scheme": scheme} for width, scheme in itertools.product(WIDTHS, SCHEMES)]
#: Width in pixels of the narrowest cell that says what stands beside it.
NARROWEST_LABEL = """() => Math.min(...[...document.querySelectorAll(".tried tbody th")]
    .map((cell) => cell.getBoundingClientRect().width))"""
WIDER = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
MOST_TABS = 400  # a page whose next field is further away is not usable by keyboard


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("ada", "ada@corp.example")


def serious(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with the first place of each."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{page.url}: {each['id']} at {each['nodes'][0]['target']}: {each['nodes'][0]['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def serious_in_any_light(page: Page) -> list[str]:
    """With what stands out of the window besides, which nobody with a narrow one would find."""
    page.wait_for_load_state("networkidle")
    found = [f"{page.url}: wider than its window"] if page.evaluate(WIDER) else []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("() => document.getAnimations().length === 0")  # colours fade into each other
        found += [f"{scheme}: {each}" for each in serious(page)]
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(
    open_page: OpenPage,
    administrator: User,
    new_server: NewServer,
    dovecot: Mailbox,
    smtp_sink: SmtpSink,
    width: int,
) -> None:
    server = new_server(dovecot, sink=smtp_sink, status=MailServer.Status.DRAFT, reached=5)
    publish.publish(server, by=administrator)
    dovecot.deliver(letter(subject="The scanner blinks", body="It blinks red."))
    server.update(sync_start=None)
    fetch(MailServer.objects.get())
    drafts.begin(server).update(fetch_every_minutes=5)
    mail = InboundMail.objects.get()
    assert mail.ticket is not None
    base = f"/admin/mailchannel/mailserver/{server.pk}"
    page = open_page(administrator, "/admin/", viewport={"width": width, "height": 900})

    complaints = serious_in_any_light(page)
    for path in (
        *(f"{base}/{step}/" for step in (*STEPS, "trial", "failed", "versions", "history")),
        "/admin/mailchannel/mailserver/add/",
        "/admin/mailchannel/mailserver/",
        "/admin/mailchannel/inboundmail/",
        f"/admin/mailchannel/inboundmail/{mail.pk}/change/",
        f"/admin/mailchannel/inboundmail/{mail.pk}/source/",
        "/admin/mailchannel/maildefaults/1/change/",
        "/admin/mailchannel/alert/",
        "/",
        f"/tickets/{mail.ticket.number}/",
    ):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        complaints += serious_in_any_light(page)

    assert complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious_on_any_way_in(
    open_page: OpenPage, administrator: User, new_server: NewServer, width: int
) -> None:
    ways = [(each.key, auth) for each in TRANSPORTS for auth in each.auths[:2]]
    servers = [
        new_server(name=f"{protocol} {auth}", status="draft", protocol=protocol, auth=auth, connection={})
        for protocol, auth in ways
    ]
    inbox = next(server for server in servers if is_inbox(server))
    open_up(inbox, by=None)
    page = open_page(administrator, "/admin/", viewport={"width": width, "height": 900})

    complaints: list[str] = []
    paths = [f"/admin/mailchannel/mailserver/{server.pk}/connection/" for server in servers]
    for path in (*paths, f"/admin/mailchannel/mailserver/{inbox.pk}/inbox/"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        complaints += serious_in_any_light(page)

    assert complaints == []


@pytest.mark.req("S0-30")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['scheme']}-{look['width']}")
def test_a_dry_run_can_be_read_in_every_window(
    open_page: OpenPage, administrator: User, new_server: NewServer, dovecot: Mailbox, look: dict[str, Any]
) -> None:
    server = new_server(dovecot, sync_start=None)
    publish.publish(server, by=administrator)
    drafts.begin(server).mappings.filter(field="affected_system").update(default="the printers of the second floor")
    dovecot.deliver(letter(subject="The_scanner_blinks_and_blinks_and_blinks" * 3, body="It blinks red."))
    page = open_page(
        administrator,
        f"/admin/mailchannel/mailserver/{server.pk}/trial/",
        viewport={"width": look["width"], "height": 900},
        color_scheme=look["scheme"],
    )

    complaints = []
    for button in ("Try the mailbox", "Fetch a sample mail"):
        page.get_by_role("button", name=button).click()
        closed = page.locator("details.tried:not([open]) > summary")
        expect(closed.first).to_be_visible()
        for _ in range(closed.count()):
            closed.first.click()
        shot(page, f"{button}-{look['scheme']}-{look['width']}")
        page.wait_for_load_state("networkidle")
        complaints += serious(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{button}: it scrolls sideways"
        assert page.evaluate(NARROWEST_LABEL) >= 80, f"{button}: the names of fields are broken into pieces"

    assert complaints == []
    assert page.complaints == []  # type: ignore[attr-defined]


class Keyboard:
    """Somebody who has no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def go_to(self, selector: str) -> None:
        """Presses Tab until the element has the focus; it must then be visible on the screen."""
        for _ in range(MOST_TABS):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                visible = """() => {
                    const box = document.activeElement.getBoundingClientRect()
                    const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
                    return document.activeElement.contains(seen) || seen?.closest("label") !== null
                }"""
                assert self.page.evaluate(visible), f"{selector} has the focus, but is hidden"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The keyboard does not reach {selector}")

    def type_into(self, name: str, value: str) -> None:
        self.go_to(f"[name='{name}']")
        if self.page.evaluate("() => document.activeElement.tagName") == "SELECT":
            self.page.keyboard.type(value)
            return
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(value)

    def press(self, selector: str, key: str = "Enter") -> None:
        self.go_to(selector)
        self.page.keyboard.press(key)


@pytest.mark.req("S0-30", "S1-22")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['scheme']}-{look['width']}")
def test_from_nothing_to_a_live_mailbox_with_the_keyboard_alone(
    open_page: OpenPage,
    administrator: User,
    dovecot: Mailbox,
    smtp_sink: SmtpSink,
    template: TicketTemplate,
    look: dict[str, Any],
) -> None:
    page = open_page(
        administrator,
        "/admin/mailchannel/mailserver/",
        viewport={"width": look["width"], "height": 900},
        color_scheme=look["scheme"],
    )
    keyboard = Keyboard(page)
    typed = typed_connection(dovecot, smtp_sink)

    keyboard.press("a[href$='/mailserver/add/']")
    page.wait_for_url("**/add/")
    for name in ("name", "address", "host", "port"):
        keyboard.type_into(name, typed[name])
    keyboard.type_into("encryption", "None")
    keyboard.press("[name='login_is_address']", "Space")
    for name in ("username", "password", "sending-host", "sending-port"):
        keyboard.type_into(name, typed[name])
    keyboard.type_into("sending-encryption", "None")
    keyboard.press("[name='same_account']", "Space")
    keyboard.press("[name='_test']")
    expect(page.locator("#findings")).to_contain_text(f"Signed in as {typed['username']}.")
    keyboard.press(".wz-bar [name='_next']")
    for step in ("folders", "senders"):
        page.wait_for_url(f"**/{step}/")
        page.wait_for_load_state("networkidle")
        keyboard.press(".wz-bar [name='_next']")
    page.wait_for_url("**/ticket/")
    keyboard.type_into("template", template.name)
    expect(page.locator("#id_map-affected_system-default")).to_be_visible()
    keyboard.type_into("map-affected_system-default", "unknown")
    keyboard.press(".wz-bar [name='_next']")
    page.wait_for_url("**/answers/")
    keyboard.press(".wz-bar [name='_next']")
    page.wait_for_url("**/review/")
    page.wait_for_load_state("networkidle")
    keyboard.press("[formaction$='/publish/']")

    expect(page.locator(".wz-head .tag").first).to_contain_text("Active")
    assert MailServer.objects.get().status == MailServer.Status.ACTIVE
    assert page.complaints == []  # type: ignore[attr-defined]
