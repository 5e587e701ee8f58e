"""Every way in and out, as an administrator sets it up: connect, sign in, publish; a mail comes, an answer, its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from mailchannel import tasks
from mailchannel.models import MailServer, OutboundMail
from tests.browser.conftest import OpenPage, shot
from tests.letters import letter
from tests.servers.certificates import Authority, Pair
from tests.servers.dovecot import Options
from tests.servers.ews import ews_mailbox
from tests.servers.fixtures import NewMailbox
from tests.servers.graph import GraphServer
from tests.servers.identity import CLIENT, SECRET, TENANT, IdentityProvider
from tests.servers.mailbox import Pop3Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Ticket, TicketTemplate

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADDRESS = "support@example.com"
Deliver = Callable[[bytes], Any]


@dataclass(frozen=True)
class Way:
    """What is typed into the connection step, in this order: a choice brings other fields. `sent`: what has left."""

    typed: Sequence[tuple[str, str]]
    deliver: Deliver
    sent: Callable[[], list[bytes]]
    consents: bool = False
    brought: bool = False


@pytest.fixture
def administrator(transactional_db: None) -> User:
    return User.objects.create_superuser("ada", "ada@corp.example")


@pytest.fixture
def provider(certificate: Pair, authority: Authority) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


class Accepted(dict[str, str]):
    """The tokens this identity provider has given out open the mailbox."""

    def __init__(self, provider: IdentityProvider) -> None:
        super().__init__()
        self._provider = provider

    def __contains__(self, token: object) -> bool:
        return token in self._provider.issued

    def __getitem__(self, token: str) -> str:
        return ADDRESS


def by_smtp(sink: SmtpSink) -> list[tuple[str, str]]:
    return [("sending-host", "127.0.0.1"), ("sending-port", str(sink.port)), ("sending-encryption", "none")]


def no_sign_in() -> list[tuple[str, str]]:
    return [("same_account", ""), ("sending-username", "")]


def over_pop3(request: pytest.FixtureRequest) -> Way:
    mailbox, sink = request.getfixturevalue("dovecot"), request.getfixturevalue("smtp_sink")
    port = Pop3Mailbox.of(mailbox).settings["port"]
    account = [("login_is_address", ""), ("username", mailbox.username), ("password", mailbox.password)]
    where = [("protocol", "pop3"), ("host", "127.0.0.1"), ("encryption", "none"), ("port", str(port))]
    typed = [*where, *account, *by_smtp(sink), *no_sign_in()]
    return Way(typed, mailbox.deliver, lambda: [each.raw for each in sink.sent])


def over_imap_with_a_token(request: pytest.FixtureRequest) -> Way:
    provider: IdentityProvider = request.getfixturevalue("provider")
    new_mailbox: NewMailbox = request.getfixturevalue("new_mailbox")
    sink: SmtpSink = request.getfixturevalue("smtp_sink")
    mailbox = new_mailbox(Options(token_key=provider.public_key), username=ADDRESS)
    where = [("host", "127.0.0.1"), ("encryption", "none"), ("port", str(mailbox.port))]
    plain = provider.plain
    application = [
        *(("oauth-client_id", CLIENT), ("oauth-client_secret", SECRET)),
        *(("oauth-authorization_url", plain["authorization_url"]), ("oauth-token_url", plain["token_url"])),
        ("oauth-scopes", "\n".join(plain["scopes"])),
    ]
    out = [("sending_auth", "password"), *by_smtp(sink), ("sending-username", "")]
    typed = [("auth", "oauth"), *where, *application, *out, trust(request)]
    return Way(typed, mailbox.deliver, lambda: [each.raw for each in sink.sent], consents=True)


def over_graph(request: pytest.FixtureRequest) -> Way:
    provider: IdentityProvider = request.getfixturevalue("provider")
    server: GraphServer = request.getfixturevalue("graph_server")
    mailbox = server.mailbox(ADDRESS)
    server.tokens = Accepted(provider)
    application = [
        *(("oauth-tenant", TENANT), ("oauth-client_id", CLIENT), ("oauth-client_secret", SECRET)),
        ("oauth-authority", provider.authority),
    ]
    typed = [("protocol", "graph"), ("endpoint", server.url), ("sending-endpoint", server.url), *application]
    return Way([*typed, trust(request)], now(mailbox), lambda: [raw for _, raw in mailbox.taken], consents=True)


def over_ews(request: pytest.FixtureRequest) -> Way:
    mailbox = ews_mailbox(request, "ntlm")
    account = [("username", mailbox.username), ("password", mailbox.password)]
    sending = [("same_account", "on")]
    typed = [("protocol", "ews"), ("url", mailbox.server.endpoint), ("mailbox", ADDRESS), ("login_is_address", "")]
    return Way([*typed, *account, *sending, trust(request)], now(mailbox), lambda: [raw for _, raw in mailbox.taken])


def into_a_forwarding_inbox(request: pytest.FixtureRequest) -> Way:
    sink = request.getfixturevalue("smtp_sink")
    typed = [("protocol", "forwarding"), ("door", "raw"), *by_smtp(sink), ("sending-username", "")]
    return Way(typed, lambda raw: None, lambda: [each.raw for each in sink.sent], brought=True)


def now(mailbox: Any) -> Deliver:
    """Mail that came in before the mail server was published would stay untouched."""
    return lambda raw: mailbox.deliver(raw, internal_date=timezone.now())


def trust(request: pytest.FixtureRequest) -> tuple[str, str]:
    authority: Authority = request.getfixturevalue("authority")
    return "authorities", authority.bundle.read_text()


WAYS = {
    "pop3": over_pop3,
    "imap-oauth": over_imap_with_a_token,
    "graph": over_graph,
    "ews": over_ews,
    "forwarding": into_a_forwarding_inbox,
}


@pytest.mark.req("S0-01", "S0-16", "S0-17", "S1-06", "S1-07", "S4-04", "S4-11", "S4-15")
@pytest.mark.parametrize("name", WAYS)
def test_a_mail_comes_in_and_its_answer_leaves_the_same_way(
    name: str,
    open_page: OpenPage,
    administrator: User,
    template: TicketTemplate,
    live_server: Any,
    settings: Any,
    request: pytest.FixtureRequest,
) -> None:
    settings.PUBLIC_URL = live_server.url
    way = WAYS[name](request)
    page = open_page(administrator, "/admin/mailchannel/mailserver/add/", ignore_https_errors=True)

    connect(page, way, name)
    if way.consents:
        sign_in(page, name)
    walk_on(page, template)

    server = MailServer.objects.get()
    mail = letter(to=ADDRESS, subject="The scanner blinks", body="It blinks red.", message_id="1@customer.example")
    bring = posting(page, server) if way.brought else way.deliver
    bring(mail)
    settled(server)
    page.goto("/")
    page.get_by_role("link", name="The scanner blinks").first.click()
    expect(page.locator(".stream")).to_contain_text("It blinks red.")
    page.locator("#id_text").fill("Please switch it off and on.")
    page.get_by_role("button", name="Send and wait").click()
    expect(page.locator(".stream")).to_contain_text("Please switch it off and on.")
    for mail_pk in OutboundMail.objects.values_list("pk", flat=True):
        tasks.send_mail(mail_pk)
    answers = [raw for raw in way.sent() if b"switch it off" in raw]
    assert len(answers) == 1
    assert b"<1@customer.example>" in answers[0]
    assert b"ann@customer.example" in answers[0]

    answered = message_from_bytes(answers[0])["Message-ID"]
    bring(letter(to=ADDRESS, subject="Re: The scanner blinks", body="It is quiet now.", In_Reply_To=answered))
    settled(server)
    page.reload()
    expect(page.locator(".stream")).to_contain_text("It is quiet now.")


def connect(page: Page, way: Way, name: str) -> None:
    page.locator("[name='name']").fill("Support")
    page.locator("[name='address']").fill(ADDRESS)
    for field, value in way.typed:
        box = page.locator(f"[name='{field}']")
        opened = page.locator(f"details.rare:not([open]):has([name='{field}']) > summary")
        if opened.count():
            opened.click()
        if box.evaluate("box => box.tagName") == "SELECT":
            choose(page, field, value)
        elif box.get_attribute("type") == "checkbox":
            box.set_checked(bool(value))
        else:
            box.fill(value)
    shot(page, f"way_{name}_connection")
    page.get_by_role("button", name="Save and go on to").click()
    page.wait_for_load_state()
    shot(page, f"way_{name}_after")


def choose(page: Page, field: str, value: str) -> None:
    """Waits for the fields the choice brings."""
    box = page.locator(f"[name='{field}']")
    if box.input_value() == value:
        return
    if box.get_attribute("hx-post") is None:
        box.select_option(value)
        return
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        box.select_option(value)
    expect(box).to_have_value(value)
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def sign_in(page: Page, name: str) -> None:
    """At the identity provider; its page names whom we expect."""
    page.wait_for_url("**/authorize?**")
    assert page.locator("[name='username']").input_value() == ADDRESS
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".messagelist, .messages")).to_contain_text(f"Signed in as {ADDRESS}.")
    expect(page.locator("#id_oauth-consent")).to_contain_text("Connected")
    shot(page, f"way_{name}_connected")
    page.get_by_role("button", name="Save and go on to").click()


def walk_on(page: Page, template: TicketTemplate) -> None:
    page.get_by_role("button", name="Save and go on to Who may write").click()
    page.get_by_role("button", name="Save and go on to Ticket mapping").click()
    page.locator("#id_template").select_option(label=template.name)
    page.locator("#id_map-affected_system-default").fill("unknown")
    page.get_by_role("button", name="Save and go on to Answers and alerts").click()
    page.get_by_role("button", name="Save and go on to Review and publish").click()
    page.get_by_role("button", name="Publish").first.click()
    expect(page.locator(".wz-head .tag").first).to_contain_text("Active")


def posting(page: Page, server: MailServer) -> Deliver:
    """What a program does that knows the address the page of the inbox shows."""
    page.goto(f"/admin/mailchannel/mailserver/{server.pk}/inbox/")
    page.get_by_role("button", name="Make the address").click()
    url = page.locator("#inbox-url").input_value()
    shot(page, "way_forwarding_inbox")

    def post(raw: bytes) -> None:
        answer = requests.post(url, data=raw, headers={"Content-Type": "message/rfc822"}, timeout=10)
        assert answer.status_code == 200, answer.text

    return post


def settled(server: MailServer) -> None:
    """What the worker does, once."""
    tasks.fetch_server(server.pk)
    tasks.tick()
    assert Ticket.objects.count() == 1
