"""HTML as text that reads well."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.html_text import html_to_text

LONG = "x" * 400


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<ol><li>One</li><li>Two</li></ol>", "1. One\n2. Two"),
        ("<ol start=4><li>One<li>Two</ol>", "4. One\n5. Two"),
        ("<ol start=x><li>One</ol>", "1. One"),
        ("<ul><li>One<ul><li>Inner</li></ul></li><li>Two</li></ul>", "- One\n  - Inner\n- Two"),
        ("<ol><li>One<ul><li>a</li></ul></li><li>Two</li></ol>after", "1. One\n  - a\n2. Two\n\nafter"),
        ("<ul><li><p>One</p></li><li><p>Two</p></li></ul>", "- One\n\n- Two"),
        ("<li>without a list</li>", "- without a list"),
    ],
)
def test_lists(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a b\nc d"),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td><p>c</p></td></tr></table>", "a b\n\nc"),
        ("<table><tr><td><div>a</div></td><td><div>b</div></td></tr></table>", "a b"),
        ("<table><tr><td>a<br>b</td><td>c</td></tr></table>", "a\nb\nc"),
        ("<table><tr><td><table><tr><td>a</td></tr></table></td><td>b</td></tr></table>", "a b"),
        ("a<td>b<td>c", "a b c"),
    ],
)
def test_tables(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('See <a href="https://a.example/x?y=1&amp;z=2">the page</a>.', "See the page <https://a.example/x?y=1&z=2>."),
        ("<a href='https://a.example/'>https://a.example/</a>", "https://a.example/"),
        ("<a href=http://www.a.example>www.a.example</a>", "www.a.example"),
        ("<a href=mailto:ana@example.com>Ana</a>", "Ana"),
        ("<a href=https://a.example/ana>ana@example.com</a>", "ana@example.com"),
        ("<a href=#top>up</a> <a href=javascript:x()>go</a> <a name=x>here</a>", "up go here"),
        (f"<a href=https://a.example/{LONG}>here</a>", "here"),
        ("<a href=https://a.example><img src=x></a>after", "after"),
        ("<a href=https://a.example>never closed", "never closed"),
    ],
)
def test_links_show_where_they_lead_unless_their_words_do(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<img alt='Our new office' src=x>", "[Our new office]"),
        ("fine <img alt=👍 src=x>", "fine 👍"),
        ("<img alt='' src=x><img src=y><img alt=image001.png>text", "text"),
        ("<img alt='a &lt;b&gt; c'>", "[a <b> c]"),
    ],
)
def test_images_are_told_by_their_words(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>peek</div>",
        '<span style="color: red; DISPLAY : NONE !important">peek</span>',
        "<div style='max-height:0;overflow:hidden'>peek<div>inner</div></div>",
        "<div style='font-size:0px;mso-hide:all'>peek</div>",
        "<p style='display:none'>peek<p>",
    ],
)
def test_what_mail_programs_hide_is_left_out(hidden: str) -> None:
    assert html_to_text(f"<div>{hidden}<div>Text</div></div>") == "Text"


@pytest.mark.parametrize(
    "shown",
    [
        "<td style='font-size:0px'><div style='font-size:13px'>Text</div></td>",  # how layouts close gaps
        "<div style='mso-hide:all'>Text</div>",  # hidden from one program only
        "<div style='max-height:0.5em;overflow:hidden'>Text</div>",
        "<div style='display:none'>Text",  # never closed: it would hide everything
        "<div style='display:none'>Text</div>",  # there is nothing else
    ],
)
def test_better_too_much_text_than_none(shown: str) -> None:
    assert html_to_text(shown) == "Text"


@pytest.mark.parametrize("comment", ["<!-- x > y -->", "<!-->", "<!--->", "<!-- x --!>", "<!--[if !mso]><!-->"])
def test_words_behind_a_comment_stay(comment: str) -> None:
    assert html_to_text(f"One {comment}two<!-- three -->") == "One two"


def test_empty_lines_are_not_multiplied_by_the_marks_of_quotes() -> None:
    quoted = html_to_text("<blockquote>" * 9 + "<pre>One" + "\n" * 500_000 + "Two</pre>")

    assert quoted.split("\n") == ["> " * 9 + "One", ("> " * 9).rstrip(), "> " * 9 + "Two"]


def test_headings_and_paragraphs_stand_apart() -> None:
    assert html_to_text("<h1>Title</h1><p>One</p><div>Two</div>Three") == "Title\n\nOne\n\nTwo\nThree"


@pytest.mark.parametrize(
    "piece",
    [
        "<div style='display:none'>",
        "<div style='display:none'><p style='display:none'>",
        "<a href=http://a.example>",
        "<a href=http://a.example>x</a>",
        "<a\thref=",
        "<a" + " " * 3000,
        "<td>x",
        "<table><tr><td>",
        "<ol start=999999999999>",
        "<li>",
        "<img alt=x>",
        "<img alt='" + "x" * 5000,
    ],
)
def test_hostile_html_costs_little(piece: str) -> None:
    source = piece * (1_000_000 // len(piece))
    started = time.process_time()

    html_to_text(source)

    assert time.process_time() - started < 5
