"""Text and HTML built to exhaust whoever cleans it or looks for the new words in it (ML-36, ML-46)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.hostile.bounded import parsed, within
from tests.hostile.conftest import Receive
from tests.hostile.mails import cases, html, mail
from tickets.models import Note, Ticket
from tickets.safe_html import TooBig, clean

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HTML_BOMBS = {
    "ML-36-6000-nested": lambda: "<div>" * 6_000 + "x" + "</div>" * 6_000,
    "ML-36-6000-nested-unclosed": lambda: "<b><i><u>" * 2_000 + "x",
    "ML-36-6000-nested-tables": lambda: "<table><tr><td>" * 6_000 + "x",
    "ML-36-6000-nested-lists": lambda: "<ul><li>" * 6_000 + "x",
    "ML-36-6000-nested-quotes": lambda: "<blockquote>" * 6_000 + "x",
    "ML-36-60000-paragraphs": lambda: "<p>x" * 60_000,
    "ML-36-60000-misnested": lambda: "<b><p></b></p>" * 15_000,
    "ML-36-60000-links": lambda: "<a href=x>" * 60_000,
    "ML-36-9900-branches": lambda: "<p><b>x</b></p>" * 9_900,
    "ML-36-100000-less-than": lambda: "<" * 100_000,
    "ML-36-100000-less-than-letters": lambda: "<a" * 100_000,
    "ML-36-100000-entities": lambda: "&amp;&#1;&x" * 100_000,
    "ML-36-100000-quotes": lambda: "<p a='" + "\"'" * 100_000,
    "ML-36-20000-attributes": lambda: "<p " + " ".join(f"a{number}=x" for number in range(20_000)) + ">x",
    "ML-36-20000-same-attributes": lambda: "<p " + "style=color:red " * 20_000 + ">x",
    "ML-36-3-MB-data-URI": lambda: "<img src='data:image/png;base64," + "A" * 3_000_000 + "'>x",
    "ML-36-3-MB-of-style": lambda: "<style>" + "a{b:c}" * 500_000 + "</style>x",
    "ML-36-3-MB-comment": lambda: "<!--" + "-" * 3_000_000 + "x",
    "ML-36-3-MB-in-style-attribute": lambda: "<p style='" + "color:red;" * 300_000 + "'>x",
    "ML-36-3-MB-of-nested-functions": lambda: "<p style='width:" + "calc(" * 600_000 + "'>x",
    "ML-36-100000-comments": lambda: "<!--x-->" * 100_000,
    "ML-36-100000-unclosed-comments": lambda: "<!--" * 100_000,
    "ML-36-100000-scripts": lambda: "<script>" * 100_000 + "x",
    "ML-36-100000-declarations": lambda: "<!DOCTYPE x [" * 100_000,
    "ML-36-entity-definitions": lambda: "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>" + "&b;" * 30_000,
    "ML-36-100000-closing-tags": lambda: "</div>" * 100_000,
    "ML-36-formatting-adopted": lambda: "<a><b><i>" * 300 + "<div>" * 300 + "</a></b></i>" * 300,
    "ML-36-60000-breaks-in-pre": lambda: "<pre>" + "\n" * 200_000 + "x",
    "ML-36-wide-letters": lambda: "\U0001f600" * 500_000,
}


@pytest.mark.req("ML-36")
@cases(HTML_BOMBS)
def test_an_html_bomb_is_cleaned_or_refused_in_time(case: Callable[[], str]) -> None:
    source = case()

    def shown() -> bool:
        try:
            return isinstance(clean(source), str)
        except TooBig:
            return False

    within(shown, seconds=5, megabytes=300)
    parsed(html(source.encode()), seconds=5, megabytes=200)


@pytest.mark.req("ML-36")
def test_ml_36_the_text_of_a_bomb_is_shown_where_its_html_is_not(receive: Receive, desk: Client) -> None:
    receive(html(b"<p>Our printer burns.</p>" + b"<p>x" * 60_000))

    page = desk.get(f"/tickets/{Ticket.objects.get().number}/").content.decode()

    assert "cannot be shown safely" in page and "Our printer burns." in page


def lines(line: bytes, count: int = 100_000) -> bytes:
    return (line + b"\r\n") * count


ASKED = b"Please help me."
#: All begin with what the customer wrote.
REPLIES = {
    "ML-46-1-MB-of-greater-than": lambda: b">" * 1_000_000,
    "ML-46-100000-quote-marks": lambda: lines(b">"),
    "ML-46-deep-quotes": lambda: b"\r\n".join(b">" * depth for depth in range(1_400)),
    "ML-46-blanks-and-quotes": lambda: b"> " * 500_000,
    "ML-46-100000-attributions": lambda: lines(b"On Mon, 1 Jan 2024 at 10:00, Ann wrote:"),
    "ML-46-attributions-never-finished": lambda: lines(b"On Mon, 1 Jan 2024 at 10:00, Ann"),
    "ML-46-one-long-attribution": lambda: b"On " + b"Mon, 1 Jan 2024 " * 60_000 + b"wrote:",
    "ML-46-attribution-in-pieces": lambda: lines(b"On") + lines(b"wrote:"),
    "ML-46-german-attributions": lambda: lines(b"Am 1. Januar 2024 um 10:00 schrieb Ann:"),
    "ML-46-french-attributions": lambda: lines("Le 1 janv. 2024 à 10:00, Ann a écrit :".encode()),
    "ML-46-100000-header-blocks": lambda: lines(b"From: a@b.example\r\nSent: x\r\nTo: y\r\nSubject: z", 25_000),
    "ML-46-100000-From-lines": lambda: lines(b"From:"),
    "ML-46-bold-header-blocks": lambda: lines(b"*From:* a *Sent:* b *To:* c"),
    "ML-46-100000-dashes": lambda: b"-" * 1_000_000,
    "ML-46-100000-rules": lambda: lines(b"-----Original Message-----"),
    "ML-46-underscores": lambda: lines(b"_" * 60),
    "ML-46-100000-signatures": lambda: lines(b"-- "),
    "ML-46-sent-from": lambda: lines(b"Sent from my phone"),
    "ML-46-sent-from-long": lambda: b"Sent from my " + b"x " * 500_000,
    "ML-46-markers": lambda: lines(b"##- Please type your reply above this line -##"),
    "ML-46-markers-unfinished": lambda: b"##- " * 250_000,
    "ML-46-1-MB-of-blanks": lambda: b" " * 1_000_000,
    "ML-46-1-MB-of-line-ends": lambda: b"\r\n" * 500_000,
    "ML-46-1-MB-of-tabs-and-quotes": lambda: b"\t>" * 500_000,
    "ML-46-brackets": lambda: b"<" * 1_000_000,
    "ML-46-links": lambda: b"<http://" * 130_000,
    "ML-46-addresses": lambda: b"a@b.example " * 80_000,
    "ML-46-colons": lambda: lines(b":" * 100, 10_000),
    "ML-46-stars": lambda: b"*" * 1_000_000,
    "ML-46-wide-letters": lambda: "发件人：".encode() * 80_000,
    "ML-46-uuencode": lambda: lines(b"begin 644 a"),
    "ML-46-armour": lambda: lines(b"-----BEGIN PGP MESSAGE-----"),
}


@pytest.mark.req("ML-46")
@cases(REPLIES)
def test_finding_the_new_words_is_quick_and_loses_nothing(case: Callable[[], bytes]) -> None:
    bomb = case()
    raw = mail(b"In-Reply-To: <0@example.com>", subject=b"Subject: Re: Printer", body=ASKED + b"\r\n\r\n" + bomb)

    text_, new = parsed(raw, seconds=5, megabytes=200)

    assert new.startswith(ASKED.decode())
    assert text_.startswith(ASKED.decode()) and text_.split() == (ASKED + b"\n" + bomb).decode().split()


HTML_REPLIES = {
    "ML-46-html-50000-quotes": "<blockquote>" * 50_000,
    "ML-46-html-50000-cites": "<blockquote type=cite>x</blockquote>" * 50_000,
    "ML-46-html-50000-gmail-quotes": "<div class=gmail_quote>" * 50_000,
    "ML-46-html-closing-only": "</blockquote></div>" * 50_000,
    "ML-46-html-borders": "<div style='border-top:solid #B5C4DF 1.0pt'>" * 30_000,
    "ML-46-html-classes": "<div class='" + "gmail_quote " * 80_000 + "'>x",
    "ML-46-html-rules": "<hr>" * 200_000,
    "ML-46-html-unclosed-tag": "<div " * 200_000,
    "ML-46-html-breaks": "<br>&gt; x" * 100_000,
    "ML-46-html-links": "<a href='https://example.com/" * 50_000,
    "ML-46-html-attributions": "<div>On Mon, 1 Jan 2024 at 10:00, Ann wrote:</div>" * 30_000,
    "ML-46-html-hidden": "<div style='display:none'>" * 50_000,
}


@pytest.mark.req("ML-46")
@cases(HTML_REPLIES)
def test_finding_the_new_words_in_html_is_quick_and_loses_nothing(case: str) -> None:
    raw = html(f"<p>{ASKED.decode()}</p>{case}".encode(), subject=b"Subject: Re: Printer")

    text_, new = parsed(raw, seconds=5, megabytes=300)

    assert new.startswith(ASKED.decode()) and text_.startswith(ASKED.decode())


@pytest.mark.req("ML-46")
def test_ml_46_the_whole_text_is_kept_behind_the_new_words(receive: Receive, desk: Client) -> None:
    body = ASKED + b"\r\n\r\nOn Mon, 1 Jan 2024 at 10:00, Support wrote:\r\n> an old answer\r\n" + lines(b"> >", 5_000)

    receive(mail(b"In-Reply-To: <0@example.com>", subject=b"Subject: Re: Printer", body=body))

    page = desk.get(f"/tickets/{Ticket.objects.get().number}/").content.decode()
    assert "an old answer" in Note.objects.get().text and "an old answer" in page
