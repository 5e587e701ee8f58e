"""The desk in a real browser: nothing breaks its policy, keys work, mail stays in its frame."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, shot
from tests.browser.stranger import Stranger
from tests.pages.conftest import NewTicket
from tests.pages.files import PNG, File
from tickets import services
from tickets.models import Department, Ticket

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MAIL = (
    '<p style="color: #1f497d">Please find the scan attached.</p><img src="cid:logo@x" alt="logo">'
    '<img src="{stranger}/p.png" alt="banner"><a href="https://example.com/orders">order</a>'
)
LOGO = File("logo.png", "image/png", PNG, content_id="logo@x", inline=True)


@pytest.fixture
def ticket(new_ticket: NewTicket, agent: User, stranger: Stranger) -> Ticket:
    for number in range(3):
        new_ticket(f"Printer {number}")
    ticket = new_ticket(
        "Invoice 2231 is missing a page", html=MAIL.format(stranger=stranger.url), files=[LOGO, File("scan.pdf")]
    )
    services.write_private_note(ticket=ticket, agent=agent, text="Same as last week.")
    return ticket


def path_of(ticket: Ticket) -> str:
    return f"/tickets/{ticket.number}/?view=open"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pages_keep_their_policy_and_fit_the_window(
    open_page: OpenPage, agent: User, ticket: Ticket, scheme: str, width: int
) -> None:
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}

    for name, path in {"queue": "/?view=open", "empty": "/", "ticket": path_of(ticket), "search": "/?q=x"}.items():
        page = open_page(agent, path, **look)
        page.wait_for_load_state("networkidle")
        shot(page, f"{name}-{scheme}-{width}")

        assert page.complaints == []  # type: ignore[attr-defined]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"


def test_a_mail_shows_its_own_pictures_and_others_on_request(
    open_page: OpenPage, agent: User, ticket: Ticket, stranger: Stranger
) -> None:
    page = open_page(agent, path_of(ticket))
    frame = page.frame_locator("iframe.paper")
    width_of = "image => image.complete && image.naturalWidth"

    expect(frame.get_by_text("Please find the scan")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert frame.get_by_alt_text("logo").evaluate(width_of) == 1
    assert stranger.asked == []

    page.get_by_role("link", name="Show them").click()
    assert stranger.is_asked() and stranger.asked == ["GET /p.png"]


def test_each_line_of_a_text_begins_where_its_language_does(
    open_page: OpenPage, agent: User, new_ticket: NewTicket
) -> None:
    page = open_page(agent, path_of(new_ticket(text="Hello\nשלום")))

    first_letters = """words => [0, 6].map((at) => {
      const letter = new Range(), box = words.getBoundingClientRect();
      letter.setStart(words.firstChild, at);
      letter.setEnd(words.firstChild, at + 1);
      return (letter.getBoundingClientRect().left - box.left) / box.width;
    })"""
    latin, hebrew = page.locator(".msg .words").evaluate(first_letters)

    assert latin < 0.1 and hebrew > 0.9


def test_a_link_in_a_mail_opens_a_page_of_its_own(
    open_page: OpenPage, agent: User, new_ticket: NewTicket, stranger: Stranger
) -> None:
    ticket = new_ticket(html=f'<a href="{stranger.url}/order">order</a>')
    page = open_page(agent, path_of(ticket))

    with page.expect_popup() as opened:
        page.frame_locator("iframe.paper").get_by_role("link", name="order").click()

    assert opened.value.url == f"{stranger.url}/order"
    assert opened.value.evaluate("[opener, document.referrer]") == [None, ""]


def test_a_mail_cannot_run_script_even_if_cleaning_failed(open_page: OpenPage, agent: User, ticket: Ticket) -> None:
    note = ticket.notes.get(direction="in")
    page = open_page(agent, path_of(ticket))
    expect(page.frame_locator("iframe.paper").get_by_text("Please find")).to_be_visible()
    note.refresh_from_db()
    note.clean_html = "<p>unclean</p><script>parent.hit = 1</script><img src='/static/x' onerror='top.hit = 1'>"
    note.save()

    page.reload()

    expect(page.frame_locator("iframe.paper").get_by_text("unclean")).to_be_visible()
    assert page.evaluate("window.hit") is None


def test_keys_walk_the_list_and_start_an_answer(open_page: OpenPage, agent: User, ticket: Ticket) -> None:
    page = open_page(agent, "/?view=open")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(f"#row-{ticket.number}")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path_of(ticket)}")

    page.keyboard.press("n")
    expect(page.get_by_label("Your words")).to_be_focused()
    expect(page.get_by_role("button", name="Save private note")).to_be_visible()
    page.keyboard.type("jk/r")
    assert page.get_by_label("Your words").input_value() == "jk/r", "typing is typing"

    page.locator("body").press("Escape")
    page.get_by_label("Your words").blur()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Send and wait")).to_be_visible()
    page.get_by_label("Your words").blur()
    page.keyboard.press("/")
    expect(page.get_by_label("Search tickets")).to_be_focused()


def test_control_enter_sends(open_page: OpenPage, agent: User, ticket: Ticket) -> None:
    page = open_page(agent, path_of(ticket))

    page.keyboard.press("r")
    page.keyboard.type("Restart it.")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("status")).to_contain_text("On its way to Anna Weber")
    assert ticket.notes.latest("pk").text == "Restart it."


def test_a_new_ticket_appears_without_loading_the_page_again(
    open_page: OpenPage, agent: User, ticket: Ticket, new_ticket: NewTicket
) -> None:
    page = open_page(agent, "about:blank")
    page.clock.install()
    page.goto(path_of(ticket))
    page.get_by_label("Your words").fill("half a sentence")

    new_ticket("Brand new")
    page.clock.fast_forward("00:21")

    expect(page.locator(".list").get_by_text("Brand new")).to_be_visible()
    assert page.get_by_label("Your words").input_value() == "half a sentence"


def test_news_do_not_close_the_filter_somebody_just_opened(
    open_page: OpenPage, agent: User, ticket: Ticket, new_ticket: NewTicket
) -> None:
    Department.objects.create(name="Finance")
    page = open_page(agent, "about:blank")
    page.clock.install()
    page.goto("/?view=open")
    page.get_by_text("Filter", exact=True).click()

    new_ticket("Brand new")
    page.clock.fast_forward("00:21")

    expect(page.locator(".list").get_by_text("Brand new")).to_be_visible()
    expect(page.locator("#views")).to_contain_text("All open 5")
    expect(page.get_by_role("link", name="Finance")).to_be_visible()


def test_everything_works_without_javascript(open_page: OpenPage, agent: User, ticket: Ticket) -> None:
    page = open_page(agent, "/?view=open", java_script_enabled=False)

    page.get_by_label("Search tickets").fill(ticket.number)
    page.get_by_label("Search tickets").press("Enter")
    page.get_by_role("button", name="Assign to me").click()
    page.locator(".tabs label", has_text="Private note").click()
    page.get_by_label("Your words").fill("Only for us.")
    page.get_by_role("button", name="Save private note").click()
    page.get_by_label("Your words").fill("Restart it.")
    page.get_by_role("button", name="Send and solve").click()

    ticket.refresh_from_db()
    words = list(ticket.notes.order_by("-pk").values_list("text", "visibility")[:2])
    assert words == [("Restart it.", "public"), ("Only for us.", "private")]
    assert (ticket.status, ticket.assignee) == ("solved", agent)
