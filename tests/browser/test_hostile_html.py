"""Hostile mail in a real browser: nothing of it runs, loads, posts, or leads away, with either layer of defence alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_started
from playwright.sync_api import Browser, Frame, Page

from mailchannel.models import InboundMail
from mailchannel.services.config import freeze
from mailchannel.services.push import accept
from mailchannel.services.settle import settle_kept
from tests.browser.conftest import OpenPage
from tests.browser.payloads import HTML, WORDS
from tests.browser.stranger import Stranger
from tests.fixtures import NewServer
from tickets import html_policy as policy
from tickets.models import Note, Ticket
from tickets.safe_html import POLICY_VERSION, clean

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ON_ONE_PAGE = 28
#: Everything a reader might do to an element, short of following a web link on purpose.
PROVOKE = """() => {
  const events = ["mouseover", "pointerover", "mouseenter", "pointerenter", "pointerdown", "mousedown", "focus", "focusin",
    "wheel", "scroll", "dblclick", "contextmenu", "dragstart", "copy", "cut", "paste", "selectstart", "beforematch"];
  for (const element of document.querySelectorAll("*")) {
    for (const name of events) element.dispatchEvent(new Event(name, {bubbles: true}));
    if (element.localName === "form") try { element.requestSubmit(); } catch {}
    if (!/^(https?|mailto):/.test(element.href)) {
      element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    }
  }
}"""
#: Until what was set off has happened: the browser has drawn twice, and has given up a picture it was asked for last.
#: Timers and promises of a frame without script never end, so the page around it waits.
SETTLE = """async () => {
  const drawn = () => new Promise(requestAnimationFrame);
  const failed = new Promise((done) => Object.assign(new Image(), {onerror: done, src: "data:,"}));
  await drawn(), await drawn(), await failed;
}"""
#: Many mails beside each other, each in a frame of its own; true when each has been there and was provoked.
APART = f"""async (mails) => {{
  await Promise.all(mails.map(([name, html]) => new Promise((loaded) => {{
    const frame = document.createElement("iframe");
    Object.assign(frame, {{name, onload: loaded, srcdoc: `<body>${{html}}</body>`}});
    frame.sandbox = "allow-scripts allow-same-origin allow-forms";
    document.body.append(frame);
  }})));
  for (const frame of document.querySelectorAll("iframe")) {{
    try {{ frame.contentWindow.eval({json.dumps(f"({PROVOKE})()")}); }} catch {{ /* it has led itself away */ }}
  }}
  return true;
}}"""
#: What a browser made of it, as tags and as attributes with the tag they are on.
STRUCTURE = """() => [...document.body.querySelectorAll("*")].flatMap((element) => [
  element.namespaceURI.endsWith("xhtml") ? element.localName : element.namespaceURI,
  ...element.getAttributeNames().map((name) => `${element.localName} ${name}`),
])"""
ALLOWED = policy.TAGS | {
    f"{tag} {name}" for tag in policy.TAGS for name in (*policy.ATTRIBUTES["*"], *policy.ATTRIBUTES.get(tag, ()))
} | {"a rel", "a target"}  # fmt: skip


@pytest.fixture
def asked_of_us() -> Iterator[list[str]]:
    """Every request our own server gets."""
    asked: list[str] = []

    def note(environ: dict[str, Any], **_: object) -> None:
        asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")

    request_started.connect(note)
    yield asked
    request_started.disconnect(note)


class Reader:
    """An agent's browser that notices script: `hits` counts calls of hit() from any frame."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hits: list[str] = []
        self.windows: list[str] = []
        page.expose_function("hit", lambda *_: self.hits.append(page.url))
        page.context.on("page", lambda opened: self.windows.append(opened.url))

    def read(self, url: str) -> None:
        """Opens the page and provokes every mail on it; the page itself has to stay as it was."""
        response = self.page.goto(url)
        assert response is not None and response.ok, url
        self._is_alert(self.page.main_frame)
        address, title = self.page.url, self.page.title()
        frames = [each.content_frame() for each in self.page.locator("iframe.paper").element_handles()]
        for frame in filter(None, frames):
            frame.wait_for_url("about:srcdoc")
            frame.evaluate(PROVOKE)
        self.page.evaluate(SETTLE)
        assert (self.page.url, self.page.title()) == (address, title)

    def _is_alert(self, frame: Frame) -> None:
        before = len(self.hits)
        frame.evaluate("hit()")
        assert len(self.hits) == before + 1
        self.hits.pop()

    @property
    def noticed(self) -> list[str]:
        complaints: list[str] = self.page.complaints  # type: ignore[attr-defined]
        return [*self.hits, *self.windows, *(each for each in complaints if each.startswith(("script:", "dialog:")))]


@pytest.fixture
def reader(open_page: OpenPage, agent: User, live_server: Any, settings: Any) -> Reader:
    settings.PUBLIC_URL = live_server.url
    # Tall enough for all mails of a ticket, because what is out of sight is loaded later.
    return Reader(open_page(agent, "about:blank", viewport={"width": 800, "height": 12_000}))


def aimed(shape: str, stranger: Stranger, home: str) -> str:
    return aim(shape, stranger.host, home)


def aim(shape: str, stranger: str, home: str) -> str:
    return shape.replace("STRANGER", stranger).replace("HOME", home)


def mail(
    number: int,
    *,
    html: str = "",
    text: str = "",
    subject: str = "words",
    name: str = "Ann",
    file: str = "",
    kind: str = "",
) -> bytes:
    """From one customer, in one conversation; every word of it travels unharmed."""
    content, content_type = (html, "text/html") if html else (text, "text/plain")
    lines = [
        f"From: {_word(name)} <ann@customer.example>",
        "To: support@example.com",
        f"Subject: {_word(subject)}",
        f"Message-ID: <{number}@customer.example>",
        *([f"In-Reply-To: <{number - number % ON_ONE_PAGE}@customer.example>"] if number % ON_ONE_PAGE else []),
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        f"Content-Type: {content_type}; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(content.encode()).decode(),
    ]
    if file:
        lines += ["--b", f"Content-Type: {kind or 'text/plain'}", "Content-Transfer-Encoding: base64"]
        lines += [f"Content-Disposition: attachment; filename*=utf-8''{quote(file)}", "", "eA==", ""]
    return "\r\n".join([*lines, "--b--", ""]).encode()


def _word(text: str) -> str:
    """As RFC 2047 writes it, in pieces of at most 75 letters."""
    pieces = (text[at : at + 12] for at in range(0, len(text), 12))
    return " ".join(f"=?utf-8?b?{base64.b64encode(each.encode()).decode()}?=" for each in pieces)


def receive(new_server: NewServer, mails: Sequence[bytes]) -> list[Ticket]:
    server = new_server(acceptance={"duplicate_window_minutes": 0})  # the same words, again and again
    settle_kept([accept(server, raw, transport="pipe") for raw in mails], freeze(server))
    assert Note.objects.count() == len(mails)
    return list(Ticket.objects.order_by("pk"))


@pytest.mark.req("S0-10")
def test_hostile_mail_runs_loads_and_posts_nothing(
    reader: Reader, new_server: NewServer, live_server: Any, stranger: Stranger, asked_of_us: list[str]
) -> None:
    shapes = [aimed(shape, stranger, live_server.url) for shape in HTML.values()]
    tickets = receive(new_server, [mail(number, html=f"<p>words</p>{each}") for number, each in enumerate(shapes)])

    for each in tickets:
        reader.read(f"{live_server.url}/tickets/{each.number}/?view=open&all")
        assert reader.noticed == [], each.number
    reader.read(f"{live_server.url}/?view=open")

    assert len(tickets) == -(-len(shapes) // ON_ONE_PAGE)
    assert Note.objects.exclude(clean_html="").count() == len(shapes), "each is shown as formatted mail"
    assert (reader.noticed, stranger.connections) == ([], 0)
    allowed = {"GET /", *(f"GET /tickets/{each.number}/" for each in tickets)}
    assert {each for each in asked_of_us if "/static/" not in each} == allowed


def test_pictures_an_agent_asks_for_are_all_that_loads(
    reader: Reader, new_server: NewServer, live_server: Any, stranger: Stranger, asked_of_us: list[str]
) -> None:
    aimed_shapes = (aimed(each, stranger, live_server.url) for each in HTML.values())
    shapes = [each for each in aimed_shapes if "data-remote-src" in clean(each)]
    (ticket,) = receive(new_server, [mail(number, html=each) for number, each in enumerate(shapes)])
    reader.read(f"{live_server.url}/tickets/{ticket.number}/?all")
    assert (len(shapes) > 8, stranger.connections) == (True, 0)

    for note in ticket.notes.all():
        before = len(stranger.asked)
        reader.read(f"{live_server.url}/tickets/{ticket.number}/?all&images={note.pk}")
        assert f'src="http://{stranger.host}' not in note.clean_html.lower() or stranger.is_asked(beyond=before)

    assert reader.noticed == []
    assert {each.partition("?")[0] for each in stranger.asked} == {"GET /picture.png"}
    assert {each for each in asked_of_us if "/static/" not in each} == {f"GET /tickets/{ticket.number}/"}


def test_hostile_words_stay_words_wherever_they_are_shown(
    reader: Reader, new_server: NewServer, live_server: Any, stranger: Stranger, asked_of_us: list[str]
) -> None:
    words = [aimed(each, stranger, live_server.url) for each in WORDS]
    mails = [
        mail(number * ON_ONE_PAGE, text=f"words {each}", subject=each, name=each, file=f"{each}.html", kind=each)
        for number, each in enumerate(words)
    ]
    tickets = receive(new_server, mails)
    log = "/admin/mailchannel/inboundmail/"
    paths = ["/?view=open", *(f"/tickets/{each.number}/" for each in tickets), f"/?q={quote(words[0])}", log]
    paths += [f"{log}{key}/change/" for key in InboundMail.objects.values_list("pk", flat=True)]

    for path in paths:
        reader.read(f"{live_server.url}{path}")
        assert reader.noticed == [], path

    assert [each.title for each in tickets][:2] == words[:2]
    assert stranger.connections == 0
    assert {each.split()[0] for each in asked_of_us} == {"GET"}
    assert not [each for each in asked_of_us if "logout" in each]


def test_the_frame_alone_stops_what_was_not_cleaned(
    reader: Reader, new_server: NewServer, live_server: Any, stranger: Stranger
) -> None:
    shapes = [aimed(shape, stranger, live_server.url) for shape in HTML.values()]
    tickets = receive(new_server, [mail(number, html="<p>words</p>") for number in range(len(shapes))])
    for note, shape in zip(Note.objects.order_by("pk"), shapes, strict=True):
        Note.objects.filter(pk=note.pk).update(clean_html=shape, clean_version=POLICY_VERSION)

    for each in tickets:
        reader.read(f"{live_server.url}/tickets/{each.number}/?all")

        assert reader.noticed == [], each.number


class Bare:
    """A page without a frame, without a policy: whatever is written into it may do as it likes."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(viewport={"width": 1600, "height": 4_000})
        self.hits = 0
        self.hit_by: set[str] = set()  # the names of the frames that did, or hold the one that did
        self.context.expose_binding("hit", self._hit)
        self.page = self.context.new_page()

    def show(self, html: str) -> None:
        self.page.set_content(f"<body>{html}</body>")
        self.provoke()

    def provoke(self) -> None:
        """Also the page it leads to, if it does: `evaluate` would wait for ever for the one before."""
        self.page.wait_for_function(f"async () => {{ ({PROVOKE})(); await ({SETTLE})(); return true; }}")

    def show_apart(self, shapes: Mapping[str, str]) -> None:
        """Each in a frame of its own, of that name, which may do anything but lead the page itself away."""
        self.page.wait_for_function(APART, arg=list(shapes.items()))
        self.page.wait_for_function(f"async () => {{ await ({SETTLE})(); return true; }}")

    @property
    def as_it_was(self) -> bool:
        return [each.url for each in self.context.pages] == ["about:blank"]

    def _hit(self, source: dict[str, Any], *_: object) -> None:
        self.hits += 1
        frame: Frame | None = source["frame"]
        while frame:
            self.hit_by.add(frame.name)
            frame = frame.parent_frame


@pytest.fixture
def bare(browser: Browser) -> Iterator[Bare]:
    bare = Bare(browser)
    yield bare
    bare.context.close()


def test_cleaning_alone_leaves_nothing_that_acts(bare: Bare, stranger: Stranger) -> None:
    cleaned = {name: clean(aimed(shape, stranger, stranger.url)) for name, shape in HTML.items()}
    names = list(cleaned)

    for at in range(0, len(names), ON_ONE_PAGE):
        some = names[at : at + ON_ONE_PAGE]
        bare.show("".join(cleaned[name] for name in some))
        structure = bare.page.evaluate(STRUCTURE)
        bare.page.evaluate("() => { document.body.innerHTML = document.body.innerHTML; }")
        assert structure == bare.page.evaluate(STRUCTURE), f"read again, one of {some} is something else"
        bare.provoke()

        assert set(structure) <= ALLOWED, some
        assert (bare.hits, stranger.connections, bare.as_it_was) == (0, 0, True), some


def test_many_shapes_do_harm_where_nothing_stops_them(bare: Bare, stranger: Stranger) -> None:
    """Else the tests above would prove nothing. The others are aimed at sanitisers and older browsers."""
    hosts = {name: f"shape-{number}.{stranger.host}" for number, name in enumerate(HTML)}
    bare.show_apart({name: aim(shape, hosts[name], f"http://{hosts[name]}") for name, shape in HTML.items()})

    harmful = [name for name in HTML if name in bare.hit_by or hosts[name].partition(":")[0] in stranger.names]

    assert len(harmful) > len(HTML) / 2
