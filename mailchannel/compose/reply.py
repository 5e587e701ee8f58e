"""Turn an agent's note into a mail the customer's client will thread. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from mailchannel.compose.headers import LOOP_HEADER, chain, tagged
from mailchannel.kernel.types import Part

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+")
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,500}")  # printable ASCII without blanks and angle brackets
LONGEST_SUBJECT = 500  # characters


@dataclass(frozen=True, slots=True)
class Letter:
    """What an answer needs. Ids come without brackets; `references` oldest first, ending with the mail answered.

    Without a `number` it is a mail about no ticket: its subject stays as it is. `html` says the same as `text`.
    """

    message_id: str
    number: str
    subject: str
    text: str
    mailbox: str
    mailbox_name: str
    reply_to: str
    to: str
    cc: Sequence[str]
    references: Sequence[str]
    date: datetime
    files: Sequence[Part] = ()
    html: str = ""


def compose_reply(letter: Letter) -> bytes:
    """The whole mail, CRLF line ends.

    The headers are written here, line by line: no value can add a line, because control characters go first, and no
    long message id is torn or encoded, as the standard library's folding does. Addresses may hold letters beyond ASCII
    (RFC 6532); whether they can be sent is between the mail servers.
    """
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(letter))
    return head.encode() + _body(letter)


def _headers(letter: Letter) -> Iterator[tuple[str, str]]:
    yield "Message-ID", f"<{letter.message_id}>"
    yield "Date", format_datetime(letter.date)
    yield "From", _address(letter.mailbox, letter.mailbox_name)
    yield "To", letter.to
    if letter.cc:
        yield "Cc", ",\r\n ".join(letter.cc)
    if letter.reply_to:
        yield "Reply-To", letter.reply_to
    subject = _line(letter.subject)[:LONGEST_SUBJECT]
    yield "Subject", _text("Subject", tagged(subject, letter.number) if letter.number else subject)
    references = [each for each in letter.references if _ID.fullmatch(each)]
    if references:
        yield "In-Reply-To", f"<{references[-1]}>"
        yield "References", "\r\n ".join(f"<{each}>" for each in chain(references))
    yield LOOP_HEADER, letter.mailbox


def _body(letter: Letter) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    for each in letter.files:
        main, _, sub = each.content_type.partition("/")
        mail.add_attachment(each.content, maintype=main, subtype=sub or "octet-stream", filename=_line(each.filename))
    return mail.as_bytes()


def _address(email: str, name: str) -> str:
    return formataddr((_line(name)[:100], email))


def _text(header: str, value: str) -> str:
    return Header(value, "us-ascii" if value.isascii() else "utf-8", header_name=header).encode(linesep="\r\n")


def _line(value: str) -> str:
    return _CONTROL.sub(" ", value).strip()
