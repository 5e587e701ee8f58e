"""A mail's HTML is shown in a frame that can do nothing and loads nothing by itself."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.pages.conftest import NewTicket
from tests.pages.files import PNG, File
from tickets import pages
from tickets.frame_height import likely_height
from tickets.models import Note, Ticket

pytestmark = pytest.mark.slow

REMOTE = '<p>words</p><img src="https://pictures.example/p.gif" alt="a picture">'


def page_of(desk: Client, ticket: Ticket, query: str = "") -> str:
    response = desk.get(f"/tickets/{ticket.number}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def frame_of(page: str) -> str:
    return unescape(page.split('srcdoc="')[1].split('"')[0])


def test_the_frame_has_no_rights_and_a_policy_of_its_own(desk: Client, new_ticket: NewTicket) -> None:
    page = page_of(desk, new_ticket(html="<p>words</p>"))

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in frame_of(page)


def test_pictures_from_the_internet_are_shown_on_request_only(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(html=REMOTE)

    before = page_of(desk, ticket)
    after = page_of(desk, ticket, f"?images={ticket.notes.get().pk}")

    assert "pictures.example" not in frame_of(before) and "Pictures from the internet are not loaded" in before
    assert '<img src="https://pictures.example/p.gif"' in frame_of(after) and "are not loaded" not in after


def test_pictures_are_allowed_on_the_page_that_shows_them_and_nowhere_else(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(html=REMOTE)

    ordinary = desk.get(f"/tickets/{ticket.number}/")["Content-Security-Policy"]
    asked = desk.get(f"/tickets/{ticket.number}/?images={ticket.notes.get().pk}")["Content-Security-Policy"]

    assert "https:" not in ordinary
    assert "img-src 'self' data: http: https:" in asked


def test_pictures_of_the_mail_are_embedded_and_not_listed_again(desk: Client, new_ticket: NewTicket) -> None:
    logo = File("logo.png", "image/png", PNG, content_id="logo@x", inline=True)

    page = page_of(desk, new_ticket(html='<img src="cid:logo@x">', files=[logo, File("report.pdf")]))

    assert '<img src="data:image/png;base64,iVBOR' in frame_of(page)
    assert "report.pdf" in page and "logo.png" not in page


@pytest.mark.parametrize(
    ("content_id", "source"),
    [
        ("logo@x", "cid:logo@x"),
        ("logo@x", "cid:LOGO@X"),
        ("logo@x", "CID:%6Cogo%40x"),
        ("logo%40x", "cid:logo@x"),
        ("<logo@x>", "cid:logo@x"),
        ("logo@x", "cid:&lt;logo@x&gt;"),
        ("logo 1", "cid:logo 1"),
        ("a&b@x", "cid:a&amp;b@x"),
    ],
)
def test_a_picture_is_found_however_its_name_is_written(
    desk: Client, new_ticket: NewTicket, content_id: str, source: str
) -> None:
    logo = File("logo.png", "image/png", PNG, content_id=content_id, inline=True)

    page = page_of(desk, new_ticket(html=f'<img src="{source}">', files=[logo]))

    assert '<img src="data:image/png;base64,iVBOR' in frame_of(page)
    assert "logo.png" not in page


def test_a_picture_the_mail_does_not_show_is_a_file(desk: Client, new_ticket: NewTicket) -> None:
    stray = File("stray.png", "image/png", PNG, content_id="stray@x", inline=True)

    assert "stray.png" in page_of(desk, new_ticket(html="<p>words</p>", files=[stray]))


@pytest.mark.parametrize(
    "address",
    [
        "https://desk.example/logout/",
        "http://DESK.example./x",
        "https://u@desk.example:443/x",
        "https://d%65sk.example/",
        "http:///desk.example/x",
        "https://d\u00adesk\u3002example/",
    ],
)
def test_no_picture_comes_from_this_installation(
    desk: Client, new_ticket: NewTicket, settings: Any, address: str
) -> None:
    settings.PUBLIC_URL = "https://desk.example"
    ticket = new_ticket(html=f'<img src="{address}"><img src="https://desk.example.org/p">')

    page = page_of(desk, ticket, f"?images={ticket.notes.get().pk}")

    assert frame_of(page).count("<img src=") == 1


INSIDE = [
    "localhost", "LOCALHOST.", "a.localhost", "intranet", "printer.local", "router.lan", "a.home.arpa", "192.168.0.1",
    "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "10.0.0.1:8080", "u@172.16.0.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "127%2e0.0.1", "１２７。0。0。1", "l\u00adocalhost", "1.2.3.4.5", "0x", "[::1]", "[fe80::1]", "[fc00::1]",
    "[::ffff:10.0.0.1]", "[2002:a00:1::]", "[64:ff9b::a00:1]", "[", "[::1", "a.example:99999", "\u2600\ufffd.example",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_no_picture_comes_from_inside_the_readers_network(desk: Client, new_ticket: NewTicket, host: str) -> None:
    ticket = new_ticket(html=f'<p>words</p><img src="http://{host}/p.png" alt="a picture">')

    asked, before = (page_of(desk, ticket, query) for query in (f"?images={ticket.notes.get().pk}", ""))

    assert "<img src=" not in frame_of(asked) and "a picture" in frame_of(asked)
    assert "Show them" not in before, "it would show nothing"


@pytest.mark.parametrize(
    "host", ["p.example", "8.8.8.8", "[2606:4700::1111]", "bücher.example", "10.example", "p.example:8080"]
)
def test_pictures_from_the_internet_are_shown_on_request(desk: Client, new_ticket: NewTicket, host: str) -> None:
    ticket = new_ticket(html=f'<img src="http://{host}/p.png">')

    assert "<img src=" in frame_of(page_of(desk, ticket, f"?images={ticket.notes.get().pk}"))
    assert "Show them" in page_of(desk, ticket)


@pytest.mark.parametrize(
    ("html", "scheme"),
    [
        ("<p>words</p>", "light dark"),
        ('<p style="color: black">words</p>', "light"),
        ('<table bgcolor="#eeeeee"><tr><td>words</td></tr></table>', "light"),
        ("<p>color: black</p>", "light dark"),
    ],
)
def test_a_mail_without_colours_of_its_own_is_dark_in_the_dark(
    desk: Client, new_ticket: NewTicket, html: str, scheme: str
) -> None:
    assert f"color-scheme: {scheme};" in frame_of(page_of(desk, new_ticket(html=html)))


def test_a_long_mail_can_be_shown_whole(desk: Client, new_ticket: NewTicket) -> None:
    short, long = (page_of(desk, new_ticket(html="<p>words</p>" * times)) for times in (1, 100))

    assert "Show the whole message" in long and "Show the whole message" not in short


def test_the_height_follows_the_lines_one_sees() -> None:
    paragraphs = likely_height("<p>x</p>" * 10)

    assert likely_height("<div>x</div>" * 10) < paragraphs < likely_height(f"<p>{'x ' * 100}</p>" * 10)
    assert likely_height("<p>x\n\n\n\ny</p>" * 10) == paragraphs < likely_height("<pre>x\n\n\n\ny</pre>" * 10)
    assert likely_height("<details><summary>Quoted text</summary>" + "<p>x</p>" * 10 + "</details>") < paragraphs
    assert likely_height('<img data-inline="x" height="400">') > 400 > likely_height('<img data-remote-src="x">')


def test_a_picture_that_is_none_is_listed_as_a_file(desk: Client, new_ticket: NewTicket) -> None:
    liar = File("logo.png", "image/png", b"<svg onload=alert(1)>", content_id="logo@x", inline=True)

    page = page_of(desk, new_ticket(html='<p>words</p><img src="cid:logo@x">', files=[liar]))

    assert "src=" not in frame_of(page)
    assert "logo.png" in page


def test_html_is_cleaned_once_and_again_under_a_new_policy(new_ticket: NewTicket) -> None:
    note = new_ticket(html="<p>words<script>x</script></p>").notes.get()

    pages.cleaned(note)
    assert Note.objects.get(pk=note.pk).clean_html == "<div><p>words</p></div>"

    Note.objects.filter(pk=note.pk).update(clean_html="kept")
    assert pages.cleaned(Note.objects.get(pk=note.pk)) == "kept"

    Note.objects.filter(pk=note.pk).update(clean_version=0)
    assert pages.cleaned(Note.objects.get(pk=note.pk)) == "<div><p>words</p></div>"


@pytest.mark.parametrize("html", ["<div>" * 6000, "x" * 2_000_001, "<br>" * 20_001, "<p title='x'>" * 20_001])
def test_html_too_big_to_show_leaves_the_text_and_says_so(desk: Client, new_ticket: NewTicket, html: str) -> None:
    page = page_of(desk, new_ticket(text="the words", html=html))

    assert "cannot be shown safely" in page and "the words" in page
    assert "<iframe" not in page


@pytest.mark.parametrize(
    "html", ['"><script>alert(1)</script>', "' onload='alert(1)", "</iframe><script>alert(1)</script>"]
)
def test_a_mail_cannot_leave_its_frame(desk: Client, new_ticket: NewTicket, html: str) -> None:
    page = page_of(desk, new_ticket(html=f"<p>{html}</p>"))

    assert "<script>" not in page
    assert "onload='" not in page
