"""What the containers of an HTML mail say about its history."""

from __future__ import annotations

import time
from email.message import EmailMessage

import pytest

from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words

WORDS = "It works again.\n\nThank you!"
OLD = "<div>Is it on?</div><div>Has it paper?</div>"
#: An announcement no table knows, so that only the container can tell.
SAID = "Hari Senin jam sembilan Support katanya:"
LABELS = "<b>Zzz:</b> Support<br><b>Yyy:</b> Senin<br><b>Xxx:</b> Ana<br><b>Www:</b> Printer<br>"

CLIENTS = {
    "Gmail": f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{SAID}<br></div>'
    f'<blockquote class="gmail_quote" style="margin:0">{OLD}</blockquote></div>',
    "Gmail, without quote": f'<div class="gmail_quote gmail_quote_container">{SAID}<br>{OLD}</div>',
    "Apple Mail": f'<div><br><blockquote type="cite"><div>{SAID}</div><br>{OLD}</blockquote></div>',
    "Thunderbird": f'<div class="moz-cite-prefix">{SAID}<br></div><blockquote type="cite" cite="mid:x">{OLD}</blockquote>',
    "Outlook": "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
    f"<p class=MsoNormal>{LABELS}</p></div></div>{OLD}",
    "Outlook 2007": f"<div style='border:none;border-top:solid #B5C4DF 1.0pt'><p>{LABELS}</p></div>{OLD}",
    "Outlook on the web": f'<div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg">{LABELS}</div>{OLD}',
    "Outlook for telephones": f'<div id="mail-editor-reference-message-container"><hr><div>{LABELS}</div>{OLD}</div>',
    "Outlook for telephones, older": f'<div class="ms-outlook-mobile-reference-message"><hr>{LABELS}{OLD}</div>',
    "Outlook for Mac": f'<span id="OLK_SRC_BODY_SECTION"><div>{LABELS}</div>{OLD}</span>',
    "Hotmail": f'<div><hr id="stopSpelling">{LABELS}{OLD}</div>',
    "Windows Mail": '<div style="padding-top:5px; border-top-color: rgb(229, 229, 229); border-top-width: 1px">'
    f"{LABELS}</div>{OLD}",
    "Yahoo": f'<div id="yahoo_quoted_1" class="yahoo_quoted"><div>{SAID}</div><div><br></div>{OLD}</div>',
    "Proton": f'<div class="protonmail_quote">{SAID}<br><blockquote class="protonmail_quote" type="cite">{OLD}</blockquote></div>',
    "Tuta": f'<div>3 Mac 2025, 09:12 oleh support@example.com:<br><blockquote class="tutanota_quote">{OLD}</blockquote></div>',
    "Zoho": f'<div class="zmail_extra">---- {SAID} ----<br><blockquote>{OLD}</blockquote></div>',
    "Zimbra": f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{LABELS}</div>'
    f'<div data-marker="__QUOTED_TEXT__">{OLD}</div>',
    "Spark": f'<div name="messageReplySection">{SAID}<br><blockquote type="cite">{OLD}</blockquote></div>',
    "GMX": f'<div name="quote" style="border-left:2px solid #C3D9E5">{LABELS}<div name="quoted-content">{OLD}</div></div>',
    "Airmail": f'<p class="airmail_on">{SAID}</p><blockquote type="cite" class="clean_bq">{OLD}</blockquote>',
    "Front": f'<blockquote type="cite" class="front-blockquote">{OLD}</blockquote>',
    "Fastmail": f'<div>On Mon, 3 Mar 2025, at 09:12, Support wrote:</div><blockquote type="cite" id="qt">{OLD}</blockquote>',
    "mail.ru": "Mon, 3 Mar 2025 09:12:34 +0300 от Support &lt;support@example.com&gt;:<br>"
    f'<blockquote style="border-left:1px solid #0857A6">{OLD}</blockquote>',
    "QQ": f"<div><br></div><div>------------------&nbsp;原始邮件&nbsp;------------------</div>{OLD}",
    "our own reply line": f"<div>##- Please type your reply above this line -##</div>{OLD}",
}


def reply(html: str, plain: str = "", subject: str = "Re: Printer") -> str:
    mail = EmailMessage()
    mail["Subject"] = subject
    if plain:
        mail.set_content(plain)
        mail.add_alternative(html, subtype="html")
    else:
        mail.set_content(html, subtype="html")
    return new_words(parse(mail.as_bytes()))


@pytest.mark.parametrize("history", CLIENTS.values(), ids=CLIENTS.keys())
@pytest.mark.parametrize("box", ["{}", "<div class=WordSection1>{}</div>", "<html><body><div>{}</div></body></html>"])
def test_the_history_in_a_container_is_cut(history: str, box: str) -> None:
    assert reply(box.format(f"<p>It works again.</p><p>Thank you!</p>{history}")) == WORDS


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<blockquote>It works.</blockquote>", "It works."),
        ("<div>It says<blockquote class=gmail_quote>Error 5</blockquote></div>", "It says\n\nError 5"),
        (
            "It says<blockquote>Error 5</blockquote>and then stops."
            "<div class=moz-cite-prefix>Anyone:</div><blockquote type=cite>Is it on?</blockquote>",
            "It says\n\nError 5\n\nand then stops.",
        ),
        ("See:<div style='border-top:solid #E1E1E1 1pt'>A line of mine.</div>", "See:\nA line of mine."),
        ("<div class=gmail_quote>It works.</div>", "It works."),
        ("<div class=gmail_quote>It works.<br>It really does.</div>", "It works.\nIt really does."),
        ("<div id=divRplyFwdMsg>There is nothing else.</div>", "There is nothing else."),
        ("<div class=quote>He said: try again.</div>So I did.", "He said: try again.\nSo I did."),
    ],
)
def test_the_words_of_the_writer_stay_whatever_holds_them(html: str, words: str) -> None:
    assert reply(html) == words


def test_answers_in_a_quote_stay_with_the_questions() -> None:
    html = (
        "<div>See below.</div><div class=gmail_quote><div class=gmail_attr>Anyone:</div>"
        "<blockquote class=gmail_quote>Is it on?</blockquote><div>Yes.</div>"
        "<blockquote class=gmail_quote>Has it paper?</blockquote><div>No.</div></div>"
    )

    assert reply(html) == "See below.\n\n> Is it on?\n\nYes.\n>\n> Has it paper?\n\nNo."


def test_an_answer_below_the_container_stays() -> None:
    history = CLIENTS["Gmail"]

    assert reply(f"{history}<div>It works again.</div>") == "It works again."


@pytest.mark.parametrize("container", ["<div class=gmail_quote>{}</div>", "<div id=divRplyFwdMsg>{}</div>"])
def test_a_forwarded_mail_stays_whole(container: str) -> None:
    text = reply("Look:" + container.format("---------- Forwarded message ---------<br>From: a@b.example<br>An offer"))

    assert "An offer" in text


@pytest.mark.parametrize(
    "signature",
    [
        '<div class="gmail_signature">Ana Costa<br>Client Ltd</div>',
        '<div id="Signature">Ana Costa</div>',
        '<div id="ms-outlook-mobile-signature">Get Outlook</div>',
        '<pre class="moz-signature">-- \nAna Costa</pre>',
        '<div id="AppleMailSignature">Sent by Ana</div>',
        '<div name="messageSignatureSection">Ana Costa</div>',
        '<div data-marker="__SIG_PRE__">Ana Costa</div>',
    ],
)
def test_a_signature_in_its_container_is_cut(signature: str) -> None:
    assert reply(f"<div>It works.</div><div><br></div>{signature}") == "It works."


def test_a_long_text_is_no_signature() -> None:
    text = "<br>".join(f"Line {number}" for number in range(30))

    assert "Line 29" in reply(f"<div>Hello,</div><div id=Signature>{text}</div>")


def test_a_container_shows_the_cut_that_the_plain_form_hides() -> None:
    html = f"<p>It works again.</p><p>Thank you!</p>{CLIENTS['Outlook on the web']}"
    plain = f"{WORDS}\n\n________\nZzz: Support\nYyy: Senin\nXxx: Ana\n\nIs it on?\n"

    assert reply(html, plain) == WORDS


def test_the_form_that_keeps_more_of_an_answer_is_kept() -> None:
    html = "<div>One.</div><div class=gmail_quote><div class=gmail_attr>Anyone:</div><blockquote>Old</blockquote></div>Two."
    plain = "One.\n\n-----Original Message-----\nOld\n\nTwo."

    assert reply(html, plain) == "One.\n\nTwo."


@pytest.mark.parametrize(
    "piece",
    [
        "<blockquote>",
        "<blockquote type=cite>a",
        "<div class=gmail_quote>a",
        "<div class=gmail_quote>a:<br></div>",
        "<div class=gmail_attr>a</div><blockquote>b</blockquote>",
        "<div id=Signature>a</div>",
        "<div style='border-top:solid #E1E1E1 1pt'>a: b<br>",
        "<div style='display:none'>a",
        "<div style='display:none'>a</div>",
        "<a href=http://x.example>",
        "<a href=http://x.example>a</a>",
        "<table><tr><td>",
        "<ol><li>a",
        "<div class=",
        '<div class="gmail_quote',
        "\0(H",
    ],
)
def test_hostile_html_is_judged_in_linear_time(piece: str) -> None:
    raw = b"Subject: Re: x\nContent-Type: text/html\n\n" + (piece * (400_000 // len(piece))).encode()
    started = time.process_time()

    new_words(parse(raw))

    assert time.process_time() - started < 5
