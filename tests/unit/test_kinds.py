"""Every mail is of one kind, and says by which sign."""

from __future__ import annotations

import pytest

from mailchannel.parsing.automatic import automatic
from mailchannel.parsing.kinds import Kind, kind_of
from mailchannel.parsing.mime import parse


def mail(headers: str, text: str = "Hello", sender: str = "Ana <ana@client.example>") -> bytes:
    return f"From: {sender}\nMIME-Version: 1.0\n{headers}\n\n{text}\n".encode()


def calendar(method: str) -> tuple[str, str]:
    text = f"--b\n\nLet us meet\n--b\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:{method}\nEND:VCALENDAR\n--b--"
    return "Content-Type: multipart/mixed; boundary=b", text


REPORT = "Content-Type: multipart/report; boundary=b; report-type="
READ = "--b\n\nYour message was read.\n--b\nContent-Type: message/disposition-notification\n\nDisposition: x; displayed\n--b--"
SPAM = "--b\n\nComplaint\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--b--"


@pytest.mark.parametrize(
    ("headers", "text", "sender", "kind"),
    [
        ("Subject: Printer", "Hello", "ana@client.example", Kind.LETTER),
        ("Subject: failure notice", "Sorry", "MAILER-DAEMON@client.example", Kind.BOUNCE),
        ("Auto-Submitted: auto-replied", "I am away", "ana@client.example", Kind.AUTOMATIC),
        (REPORT + "disposition-notification", READ, "ana@client.example", Kind.RECEIPT),
        ("Content-Type: multipart/report; boundary=b", READ, "ana@client.example", Kind.RECEIPT),
        ("Subject: Read: Printer", "Your message\n\nwas read on Monday.", "ana@client.example", Kind.RECEIPT),
        ("Subject: Gelesen: Drucker", "Ihre Nachricht wurde gelesen am Montag", "ana@client.example", Kind.RECEIPT),
        ("Subject: Lu : Imprimante", "Votre message a été lu lundi", "ana@client.example", Kind.RECEIPT),
        (
            REPORT + "disposition-notification\nSubject: Automatically rejected mail\nReturn-Path: <>",
            READ,
            "Mail Delivery Subsystem <x@client.example>",
            Kind.BOUNCE,
        ),
        (REPORT + "feedback-report", SPAM, "fbl@provider.example", Kind.FEEDBACK),
        ("Content-Type: multipart/report; boundary=b", SPAM, "postmaster@provider.example", Kind.FEEDBACK),
        (
            "Subject: Please confirm your message\nX-TMDA-Fingerprint: abc",
            "https://client.example/confirm",
            "ana@client.example",
            Kind.CHALLENGE,
        ),
        (
            "Subject: Your message to Ana requires verification\nAuto-Submitted: auto-replied",
            "Click here",
            "ana@client.example",
            Kind.CHALLENGE,
        ),
        ("Subject: Confirmação de remetente\nReturn-Path: <>", "Clique", "antispam@client.example", Kind.CHALLENGE),
        ("Subject: Please verify your email", "Click here", "challenge-7@client.example", Kind.CHALLENGE),
        (*calendar("REQUEST"), "ana@client.example", Kind.CALENDAR),
        (*calendar("REPLY"), "ana@client.example", Kind.CALENDAR),
        (*calendar("CANCEL"), "ana@client.example", Kind.CALENDAR),
        ("List-Id: <staff.client.example>", "Hello", "ana@client.example", Kind.LIST),
    ],
)
def test_a_mail_has_a_kind_and_a_sign(headers: str, text: str, sender: str, kind: Kind) -> None:
    found = kind_of(parse(mail(headers, text, sender)))

    assert found.kind is kind
    assert bool(found.sign) == (kind is not Kind.LETTER)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ("Subject: Please confirm your message", "You wrote that the printer comes on Monday. Is that right?"),
        ("Subject: Re: Please confirm your message\nIn-Reply-To: <1@x.example>\nReturn-Path: <>", "Confirmed"),
        ("Subject: Printer\nX-TMDA-Fingerprint: abc\nX-Delivery-Agent: TMDA/1.1", "https://client.example"),
        (f"Subject: {'What I told you about our offer, ' * 3}please confirm your mail\nReturn-Path: <>", "Yes?"),
        ("Subject: Read: the manual", "I have, and the printer still blinks."),
        ("Subject: Re: Read: Printer", "Your message was read on Monday, and now?"),
        ("Subject: Your read receipts", "My mail was read on Monday, says your receipt. By whom?"),
        calendar("PUBLISH"),
        ("Subject: Abuse report", "Somebody sends spam in your name: Feedback-Type: abuse"),
    ],
)
def test_people_write_letters(headers: str, text: str) -> None:
    parsed = parse(mail(headers, text))

    assert (kind_of(parsed).kind, automatic(parsed)) == (Kind.LETTER, "")


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (REPORT + "disposition-notification", READ),
        (REPORT + "feedback-report", SPAM),
        ("Auto-Submitted: auto-replied", ""),
    ],
)
def test_what_machines_write_about_our_mails_is_automatic(headers: str, text: str) -> None:
    assert automatic(parse(mail(headers, text)))
