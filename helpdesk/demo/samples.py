"""Mails as customers write them: text, HTML, files, high importance, an answer, and a machine."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid

ANA = Address("Ana Pereira", addr_spec="ana.pereira@client.example")
JONAS = Address("Jonas Größle", addr_spec="jonas@north.example.org")
MIRA = Address("Mira Novak", addr_spec="mira.novak@shop.example.net")
KENJI = Address("田中 健二", addr_spec="kenji.tanaka@plant.example")

Writer = Callable[[], EmailMessage]


def sample_mails(to: str, count: int) -> Iterator[EmailMessage]:
    """`count` mails to this address, every kind in turn, each with a Message-ID of its own."""
    for write in itertools.islice(itertools.cycle(WRITERS), count):
        mail = write()
        mail["To"] = to
        mail["Date"] = localtime()
        sender = mail["From"].addresses[0]
        mail["Message-ID"] = make_msgid(domain=sender.domain)
        yield mail


def printer() -> EmailMessage:
    mail = _letter(ANA, "Printer on the second floor is out of toner")
    mail.set_content(
        "Hello,\n\nsince this morning the printer next to meeting room 2.14 prints grey stripes only.\n"
        "Could somebody bring a new cartridge before lunch?\n\nThanks\nAna\n\n"
        "-- \nAna Pereira, Accounting\nPhone +000 555 0142\n"
    )
    return mail


def shop_down() -> EmailMessage:
    mail = _letter(MIRA, "URGENT: customers cannot pay")
    mail["Importance"] = "high"
    mail["X-Priority"] = "1"
    mail.set_content("Every card payment fails with error 502 since 09:40.\nNothing was changed on our side.\n\nMira\n")
    mail.add_alternative(
        "<html><body><p>Every card payment fails with <b>error 502</b> since 09:40.</p>"
        '<table border="1"><tr><th>Time</th><th>Failed</th></tr><tr><td>09:40</td><td>12</td></tr>'
        "<tr><td>09:50</td><td>31</td></tr></table><p>Nothing was changed on our side.</p><p>Mira</p></body></html>",
        subtype="html",
    )
    return mail


def screenshot() -> EmailMessage:
    mail = _letter(JONAS, "Fehlermeldung beim Öffnen der Übersicht")
    mail.set_content(
        "Guten Tag,\n\nbeim Öffnen der Übersicht erscheint die Meldung im angehängten Bild.\n"
        "Das Protokoll liegt auch bei.\n\nViele Grüße\nJonas Größle\n",
        charset="iso-8859-1",
    )
    mail.add_attachment(_picture(), maintype="image", subtype="png", filename="Bildschirmfoto Übersicht.png")
    log = "time;level;message\n09:12:01;ERROR;template not found\n09:12:04;ERROR;template not found\n"
    mail.add_attachment(log, subtype="csv", filename="protocol.csv")
    return mail


def new_colleague() -> EmailMessage:
    mail = _letter(KENJI, "New colleague on Monday / 新しい同僚")
    mail["Importance"] = "low"
    mail["Cc"] = ANA
    mail.set_content(
        "Dear support team,\n\nYuki Sato starts on Monday and needs:\n\n - a laptop\n - a building card\n"
        " - an account for the warehouse system\n\nよろしくお願いします。\nKenji Tanaka\n"
    )
    return mail


def vacation_notice() -> EmailMessage:
    mail = _letter(ANA, "Automatic reply: away until Thursday")
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am out of the office until Thursday and will answer when I am back.\n\nAna Pereira\n")
    return mail


WRITERS: tuple[Writer, ...] = (printer, shop_down, screenshot, new_colleague, vacation_notice)


def _letter(sender: Address, subject: str) -> EmailMessage:
    mail = EmailMessage(policy.SMTP)
    mail["From"] = sender
    mail["Subject"] = subject
    return mail


def _picture(width: int = 320, height: int = 120) -> bytes:
    """A PNG without a drawing library: a white box with a red bar, as error messages have."""
    red, white = b"\xc0\x20\x20" * width, b"\xf8\xf8\xf8" * width
    rows = b"".join(b"\0" + (red if row < height // 5 else white) for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(kind, data) for kind, data in parts)


def _png_part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
