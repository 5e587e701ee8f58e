"""Delivery reports: which mails are some, who was not reached, and which mail they are about."""

from __future__ import annotations

import time

import pytest

from mailchannel.kernel.channel import Case, Channel, Facts
from mailchannel.kernel.types import DeliveryReport, FailedRecipient
from mailchannel.parsing.bounces import bounce
from mailchannel.parsing.mime import parse
from mailchannel.parsing.reports import read_report
from mailchannel.pipeline.gates import check_gates

PERSON = "Ana <ana@client.example>"
ROBOT = "MAILER-DAEMON@mx.client.example"


def mail(headers: str, text: str = "Hello", sender: str = PERSON) -> bytes:
    return f"From: {sender}\nTo: support@example.com\nMIME-Version: 1.0\n{headers}\n\n{text}\n".encode()


def report(headers: str, text: str, sender: str = ROBOT) -> DeliveryReport:
    found = read_report(parse(mail(headers, text, sender)))
    assert found is not None
    return found


STATED = """--b
Content-Type: text/plain

Not delivered
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.client.example
Arrival-Date: Mon, 2 Feb 2026 10:00:00 +0000

Final-Recipient: rfc822; Bo@client.example
Original-Recipient: rfc822;sales@client.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1
 <bo@client.example>: no such user

Final-Recipient: rfc822; cy@client.example
Action: delayed
Status: 4.4.1 (no answer)
--b
Content-Type: message/rfc822

Message-ID: <ours@example.com>
Subject: Your ticket

Hello
--b--"""
IN_PARTS = "Content-Type: multipart/report; report-type=delivery-status; boundary=b"
ATTACHED = """--b

{text}
--b
Content-Type: message/rfc822

Message-ID: <ours@example.com>

Hello
--b--"""


@pytest.mark.parametrize(
    ("headers", "text", "sender"),
    [
        (IN_PARTS, STATED, "x@client.example"),
        ("Content-Type: multipart/report; boundary=b", STATED, "x@client.example"),
        ("X-Failed-Recipients: nobody@client.example", "", "x@client.example"),
        ("Subject: whatever", "", ROBOT),
        ("Subject: whatever", "", "MDaemon@mx.client.example"),
        ("Return-Path: <>\nSubject: whatever", "", "postmaster@client.example"),
        ("Return-Path: <>\nSubject: failure notice", "", "x@client.example"),
        ("Subject: Undeliverable: Printer", "", "postmaster@client.example"),
        ("Subject: Returned mail: User unknown", "", "Mail Delivery Subsystem <x@client.example>"),
        ("Subject: Unzustellbar: Drucker", "", "postmaster@client.example"),
        ("Subject: Non remis : Imprimante", "", "postmaster@client.example"),
        ("Subject: Не доставлено: Принтер", "", "postmaster@client.example"),
        ("Subject: 未传递: 打印机", "", "postmaster@client.example"),
        ("Subject: Mail could not be delivered", "Your message could not be delivered to\nbo@x.example", "x@x.example"),
        ("Subject: Delivery failure", "This is an automatically generated Delivery Notification", "x@x.example"),
        ("Subject: Zustellung fehlgeschlagen", "Dies ist eine automatisch erzeugte Nachricht", "x@x.example"),
        (
            "Subject: RE: Your ticket : non remis (delivery failed)",
            "*****\nVotre message n'a pas pu etre remis a\nbo@x.example\n*****",
            "gateway@x.example",
        ),
        (
            "Subject: Mail could not be delivered\nContent-Type: multipart/mixed; boundary=b",
            ATTACHED.format(
                text="****** Message from the gateway ******\n\nThe following mail could not be delivered."
            ),
            "gateway@x.example",
        ),
        (
            "Subject: Delivery Status Notification (Failure)\nContent-Type: multipart/mixed; boundary=b",
            ATTACHED.format(text="This mail is confidential."),
            "postmaster@x.example",
        ),
    ],
)
def test_reports_of_undelivered_mail_are_bounces(headers: str, text: str, sender: str) -> None:
    assert bounce(parse(mail(headers, text, sender)))


@pytest.mark.parametrize(
    ("headers", "text", "sender"),
    [
        ("Subject: Undelivered Mail Returned to Sender", "I got this. What does it mean?", PERSON),
        ("Subject: Undelivered Mail Returned to Sender", "I got this.", "System Administrator <it@client.example>"),
        ("Subject: Fwd: Undelivered Mail", "Your message could not be delivered to x", PERSON),
        ("Subject: [staff] I: Undeliverable: Printer", "This is the mail system at host x.example.", PERSON),
        ("Subject: WG: Unzustellbar: Drucker", "This is the mail system at host mx.client.example.", PERSON),
        ("Subject: Fwd: failure notice", "Hi. This is the qmail-send program at x.example.", "postmaster@x.example"),
        (
            "Subject: Re: Undeliverable: Printer\nIn-Reply-To: <ours@example.com>",
            "This message was created automatically by mail delivery software.",
            PERSON,
        ),
        (
            "Subject: Delivery failure\nContent-Type: multipart/mixed; boundary=b",
            ATTACHED.format(text="I got the attached. Can you help?"),
            PERSON,
        ),
        ("Subject: Bericht\nContent-Type: multipart/mixed; boundary=b", STATED, PERSON),
        (
            "Subject: Mail delivery problem",
            "Your message to ana@client.example could not be delivered. Please write to ana@work.example instead.",
            PERSON,
        ),
        ("Subject: Delivery failed", "I wrote:\n> This is the mail system at host x.example.\n> Sorry", PERSON),
        ("Subject: Printer", "The message was: paper could not be delivered to tray 2", PERSON),
        ("Subject: Undeliverable parcel", "The parcel could not be delivered to me. Where is it?", PERSON),
        ("Subject: Delivery failed: order 4711", "The delivery failed twice now.", PERSON),
        ("Subject: Failure notice board", "The failure notice board in hall 2 is dark.", PERSON),
        ("Subject: This is the server", "This is the third time that your server is down.", PERSON),
        ("Subject: Question about our contract", "Hello", "postmaster@client.example"),
        ("Return-Path: <>\nSubject: Printer", "Hello", PERSON),
        ("Return-Path: <>\nSubject: Printer", "Your mail came. I am away and can not be reached until Monday.", PERSON),
    ],
)
def test_people_who_write_about_bounces_are_people(headers: str, text: str, sender: str) -> None:
    parsed = parse(mail(headers, text, sender))

    assert (bounce(parsed), read_report(parsed)) == ("", None)


def test_a_report_by_the_book_names_everybody_and_the_mail_that_came_back() -> None:
    found = report(IN_PARTS + "\nIn-Reply-To: <other@example.com>", STATED)

    assert found.recipients == (
        FailedRecipient("sales@client.example", "failed", "5.1.1", "550 5.1.1 <bo@client.example>: no such user"),
        FailedRecipient("cy@client.example", "delayed", "4.4.1", ""),
    )
    assert [each.for_good for each in found.recipients] == [True, False]
    assert found.original_ids == ("ours@example.com", "other@example.com")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("rfc822; bo@client.example", "bo@client.example"),
        ("bo@client.example", "bo@client.example"),
        ("RFC822;<Bo@Client.example>", "bo@client.example"),
        ("rfc822;bo+40client.example", "bo@client.example"),
        ("rfc822;bo+2Bnews@client.example", "bo+2bnews@client.example"),
        ("utf-8; b\\x{F6}@client.example", "bö@client.example"),
        ("utf-8; bö@client.example", "bö@client.example"),
    ],
)
def test_the_address_of_a_report_is_read_in_every_form(written: str, address: str) -> None:
    text = f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: x\n\nFinal-Recipient: {written}\nAction: failed\n"

    assert [each.address for each in report(IN_PARTS, text + "--b--").recipients] == [address]


TOLD = [
    (
        "This is the Postfix program at host mx.client.example.\n\nI'm sorry to have to inform you that your message "
        "could not be delivered.\n\nFor further assistance, please contact <help@mx.client.example>\n\n"
        "<bo@client.example>: host mx[192.0.2.1] said: 550 5.1.1\n    <bo@client.example>... User unknown\n",
        [("bo@client.example", "failed", "5.1.1")],
    ),
    (
        "Hi. This is the qmail-send program at client.example.\n\n<bo@client.example>:\nNo mailbox here. (#5.1.1)\n\n"
        "<cy@client.example>:\nThe mailbox is full.\n\n--- Below this line is a copy of the message.\n\n"
        "Message-ID: <ours@example.com>\nTo: di@client.example\n",
        [("bo@client.example", "failed", "5.1.1"), ("cy@client.example", "failed", "")],
    ),
    (
        "A message that you sent could not be delivered. The following address(es) failed:\n\n  bo@client.example\n"
        "    SMTP error from remote mail server after RCPT TO:<bo@client.example>:\n    550 5.7.1 not wanted\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\nMessage-ID: <ours@example.com>\n",
        [("bo@client.example", "failed", "5.7.1")],
    ),
    (
        "   ----- The following addresses had permanent fatal errors -----\n<bo@client.example>\n"
        "    (reason: 550 5.1.1 unknown)\n\n   ----- Transcript of session follows -----\n",
        [("bo@client.example", "failed", "5.1.1")],
    ),
    (
        "Your message\n\n  To:      sales@client.example\n  Sent:    Monday\n\ndid not reach the following recipient(s):\n\n"
        "bo@client.example on Mon, 2 Feb 2026 10:00:00 +0100\n    The recipient name is not recognized\n",
        [("bo@client.example", "failed", "")],
    ),
    (
        "The mail of\n support@example.com\ncould not be delivered to\n bo@client.example\n",
        [("bo@client.example", "failed", "")],
    ),
    ("Undeliverable Address: bo@client.example\n", [("bo@client.example", "failed", "")]),
    ("MailService:\n Recipient: [SMTP:bo@client.example]\n Reason: unknown\n", [("bo@client.example", "failed", "")]),
    ("Sorry, unable to deliver your message to bo@client.example today.\n", [("bo@client.example", "failed", "")]),
    (
        "THIS IS A WARNING MESSAGE ONLY. Delivery to this recipient has been delayed:\n\n     bo@client.example\n",
        [("bo@client.example", "delayed", "")],
    ),
    ("Ihre Nachricht wurde verzögert:\n\n<bo@client.example>\n", [("bo@client.example", "delayed", "")]),
    ("邮件无法发送到您指定的地址。\n\n<bo@client.example>:\n", [("bo@client.example", "failed", "")]),
    ("Please contact <help@client.example>, support@example.com or postmaster@client.example.\n", []),
]


@pytest.mark.parametrize(("text", "recipients"), TOLD)
def test_recipients_are_read_from_the_text_of_a_report(text: str, recipients: list[tuple[str, str, str]]) -> None:
    found = report("Subject: failure notice", text)

    assert [(each.address, each.action, each.status) for each in found.recipients] == recipients
    assert found.original_ids == (("ours@example.com",) if "ours@" in text else ())


def test_the_header_names_the_recipients_and_the_text_says_why() -> None:
    text = (
        "This message was created automatically.\n\n  bo@client.example\n    550 5.1.1 unknown\n\n  cy@client.example\n"
    )

    found = report("X-Failed-Recipients: bo@client.example, Di@client.example", text)

    assert [(each.address, each.status) for each in found.recipients] == [
        ("bo@client.example", "5.1.1"),
        ("di@client.example", ""),
    ]
    assert "unknown" in found.recipients[0].said


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ("bo@client.example", "; it is about bo@client.example"),
        ("a@x.example, b@x.example, c@x.example, d@x.example, e@x.example", ", c@x.example and 2 more"),
    ],
)
def test_the_gate_says_who_was_not_reached(addresses: str, words: str) -> None:
    returned = parse(mail(f"X-Failed-Recipients: {addresses}", "", ROBOT))

    refusal = check_gates(Case(returned, Channel("Support", "support@example.com"), Facts())).value

    assert refusal is not None
    assert refusal.because.endswith(words)


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/global-headers", "message/rfc822"])
def test_the_headers_that_came_back_name_the_mail(kind: str) -> None:
    text = f"--b\n\nSorry\n--b\nContent-Type: {kind}\n\nMessage-Id:\n <ours@example.com>\n\n--b--"

    assert report("Content-Type: multipart/mixed; boundary=b", text).original_ids == ("ours@example.com",)


def test_a_complaint_is_no_bounce() -> None:
    complaint = mail(
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b", "--b\n\nSpam\n--b--", ROBOT
    )

    assert bounce(parse(complaint)) == ""


@pytest.mark.parametrize(
    "line",
    [
        "a" * 5_000_000,
        "bo@client.example " * 300_000,
        "<" * 5_000_000,
        "\n" * 5_000_000,
        "x@y\n" * 1_000_000,
        " 550 to:" * 600_000,
    ],
    ids=["letters", "addresses", "brackets", "empty lines", "short lines", "labels"],
)
def test_a_hostile_report_costs_no_time(line: str) -> None:
    parsed = [
        parse(mail("Subject: failure notice", line, ROBOT)),
        parse(mail("Return-Path: <>", "Your message " + line, "postmaster@client.example")),
        parse(mail(IN_PARTS, f"--b\nContent-Type: message/delivery-status\n\n{line}\n--b--")),
    ]

    begin = time.process_time()
    for each in parsed:
        read_report(each)

    assert time.process_time() - begin < 1


def test_a_mail_of_thousands_of_statuses_costs_no_time() -> None:
    status = "--b\nContent-Type: message/delivery-status\n\n" + "Action: failed\n\n" * 500
    last = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: x\n\nFinal-Recipient: rfc822; bo@x.example\n"
    parsed = parse(mail(IN_PARTS, last + status * 300 + "--b--"))
    begin = time.process_time()

    found = read_report(parsed)

    assert found is not None and "bo@x.example" in [each.address for each in found.recipients]
    assert time.process_time() - begin < 1
