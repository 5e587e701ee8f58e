"""The text of a mail and its files."""

from __future__ import annotations

import binascii
import time
from dataclasses import replace

import pytest

from mailchannel.parsing.filenames import safe_name, shortened
from mailchannel.parsing.html_text import html_to_text
from mailchannel.parsing.limits import DEFAULT
from mailchannel.parsing.mime import parse
from mailchannel.parsing.transfer import decode_transfer


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("<div><div><div>One</div></div></div><div>Two</div>", "One\nTwo"),
        ("<ul><li>One</li><li>Two</li></ul>after", "- One\n- Two\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<b>bold</b> and\n  <i>italic</i>", "bold and italic"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<blockquote>One<br>Two</blockquote>Three", "> One\n> Two\n\nThree"),
        ("<style>p{}</style><script>if (a<b) x()</script><title>T</title>Text", "Text"),
        ("<!-- <p>hidden</p> -->Text<![if !mso]>!<![endif]>", "Text!"),
        ("&lt;b&gt; &uuml; &#228; &nbsp;x &bogus;", "<b> ü ä \xa0x &bogus;"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("2 < 3 and 4 > 3", "2 < 3 and 4 > 3"),
        ("<p>never closed", "never closed"),
        ("<script>never closed", "never closed"),
        ("text <a href='", "text"),
        ("&#0;&#xD800;a", "\ufffd\ufffda"),
        ("", ""),
    ],
)
def test_html_becomes_readable_text(source: str, text: str) -> None:
    assert html_to_text(source) == text


@pytest.mark.parametrize(
    "piece",
    ["<", "<a", '<a "', '<a ">', "<!--", "<script>", "&", "&#", " \n", "<div>", "<blockquote>a", "<pre>\n", "</"],
)
def test_hostile_html_is_read_in_linear_time(piece: str) -> None:
    source = piece * (400_000 // len(piece))
    started = time.process_time()

    html_to_text(source)

    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("/etc/", "etc"),
        ("．．／secret.txt", "secret.txt"),
        ("a\u202efdp.exe", "afdp.exe"),
        (".ht\u200baccess", ".htaccess"),
        ("two\r\nlines.txt", "two lines.txt"),
        ("nul\x00.txt", "nul.txt"),
        ("  spaces   inside .txt ", "spaces inside .txt"),
        (".", ""),
        ("..", ""),
        ("\u200b", ""),
        ("", ""),
        ("Übersicht.xlsx", "Übersicht.xlsx"),
    ],
)
def test_a_file_name_is_safe_to_show(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_file_name_keeps_its_ending() -> None:
    name = shortened(safe_name("ä" * 600 + ".pdf"), 200)

    assert 190 < len(name.encode()) <= 200
    assert name.endswith("ä.pdf")
    assert shortened("plan.document", 5) == "plan."


@pytest.mark.parametrize("most", [30, 220])
def test_how_long_a_name_may_be_is_a_limit_of_the_installation(most: int) -> None:
    long = b"x" * 235 + b".txt"
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\nbegin 644 %b\n%b`\nend\n--b\n" % (
        long,
        binascii.b2a_uu(b"hello"),
    )
    raw += b"Content-Disposition: attachment; filename=%b\n\nhello\n--b--\n" % long

    files = parse(raw, limits=replace(DEFAULT, name=most)).attachments

    assert [(len(each.filename), each.filename[-5:]) for each in files] == [(most, "x.txt")] * 2


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        (b"base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"BASE64 ", b"aGVsbG8", b"hello"),
        (b"base64", b"aGVsbG8=\nfooter of a list", b"hello"),
        (b"base64", b"This is no base64, whatever (they) say...", b"This is no base64, whatever (they) say..."),
        (b"quoted-printable", b"caf=C3=A9=\r\n!", b"caf\xc3\xa9!"),
        (b"quoted-printable", b"50 =% off=", b"50 =% off"),
        (b"x-uuencode", b"begin 644 a\n%:&5L;&\\ \n`\nend\n", b"hello"),
        (b"Quoted_Printable", b"caf=C3=A9", b"caf\xc3\xa9"),
        (b"base64 (as always)", b"aGVsbG8=", b"hello"),
        (b"", b"aGVsbG8=", b"aGVsbG8="),
        (b"8bit", b"as it is", b"as it is"),
        (b"no-such", b"as it is", b"as it is"),
    ],
)
def test_transfer_encodings_are_undone_as_far_as_they_can(encoding: bytes, body: bytes, content: bytes) -> None:
    assert decode_transfer(body, encoding) == content


def test_backslashes_in_a_text_stay() -> None:
    assert parse(b"Subject: x\n\nC:\\new\\table \\u0041").text == r"C:\new\table \u0041"


HINT = "Please use a program that can show HTML."
LETTER = "Since Monday our scanner on the second floor sends empty pages to everybody but me. Could somebody come before noon?"


def alternative(plain: str, html: str) -> bytes:
    forms = f"--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n{html}\n--b--\n"
    return f"Content-Type: multipart/alternative; boundary=b\n\n{forms}".encode()


@pytest.mark.parametrize(
    ("plain", "html", "text"),
    [
        ("", "<p>The words.</p>", "The words."),
        (HINT, f"<p>{LETTER}</p>", LETTER),
        (HINT, "<p>Yes.</p>", HINT),
        (HINT, "<img src=cid:a>", HINT),
        ("The page is broken HTML.", "<p>The page is <b>broken HTML</b>. Ann</p>" + "<i>Company footer line</i>" * 9, "The"),
        ("Short answer.", "<p>" + "A very different and much longer text stands here. " * 9 + "</p>", "Short answer."),
        ("The words.", "<html><body><br></body></html>", "The words."),
    ],
)  # fmt: skip
def test_the_plain_form_counts_unless_it_only_points_at_the_html(plain: str, html: str, text: str) -> None:
    mail = parse(alternative(plain, html))

    assert mail.text.startswith(text)
    assert [part.content.decode() for part in mail.parts] == [plain, html]


def test_an_empty_page_beside_a_text_is_not_shown() -> None:
    assert parse(alternative("The words.", "<p> &nbsp; </p>")).html == "<pre>The words.</pre>"
    assert parse(alternative("The words.", "<img src=cid:a>")).html == "<img src=cid:a>"


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        (b"text/enriched", "The words."),
        (b"text/markdown", "The <bold>words.</bold>"),
        (b"text/x-other", ""),
    ],
)
def test_simple_markup_is_shown_where_there_is_no_other_text(content_type: bytes, text: str) -> None:
    assert parse(b"Content-Type: " + content_type + b"\n\nThe <bold>words.</bold>\n").text == text


def test_a_mail_that_is_one_nameless_text_is_that_text_even_if_attached() -> None:
    raw = b"Content-Type: text/plain%s\nContent-Disposition: attachment\n\nThe words."

    assert parse(raw % b"").text == "The words."
    assert [file.filename for file in parse(raw % b"; name=a.txt").attachments] == ["a.txt"]


def test_the_text_of_all_html_together_is_limited() -> None:
    page = b"--b\nContent-Type: text/html\n\n" + b"<p>x" * 300_000 + b"\n"
    started = time.process_time()

    mail = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + page * 8 + b"--b--\n")

    assert len(mail.html) > 9_000_000
    assert mail.text
    assert time.process_time() - started < 8
