"""A mail's HTML is shown in a frame that can do nothing and loads nothing by itself."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from tests.pages.conftest import NewTicket
from tests.pages.files import PNG, File
from tickets import pages
from tickets.models import Note, Ticket

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


def test_html_too_big_to_show_leaves_the_text_and_says_so(desk: Client, new_ticket: NewTicket) -> None:
    page = page_of(desk, new_ticket(text="the words", html="<div>" * 6000))

    assert "cannot be shown safely" in page and "the words" in page
    assert "<iframe" not in page


@pytest.mark.parametrize(
    "html", ['"><script>alert(1)</script>', "' onload='alert(1)", "</iframe><script>alert(1)</script>"]
)
def test_a_mail_cannot_leave_its_frame(desk: Client, new_ticket: NewTicket, html: str) -> None:
    page = page_of(desk, new_ticket(html=f"<p>{html}</p>"))

    assert "<script>" not in page
    assert "onload='" not in page
