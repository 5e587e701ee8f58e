"""The properties every mail has."""

from __future__ import annotations

from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.mapping.properties import mail_property
from mailchannel.parsing import importance as urgency
from mailchannel.parsing.quotes import new_words


@mail_property("Subject")
def subject(mail: ParsedMail) -> str:
    return mail.subject


@mail_property("Body")
def body(mail: ParsedMail) -> str:
    return mail.text


@mail_property("New words of the body, without quoted mails and signature")
def reply_text(mail: ParsedMail) -> str:
    return new_words(mail)


@mail_property("Sender address")
def sender(mail: ParsedMail) -> str:
    return mail.sender.email if mail.sender else ""


@mail_property("Sender name")
def sender_name(mail: ParsedMail) -> str:
    return (mail.sender.name or mail.sender.email) if mail.sender else ""


@mail_property("Sender domain")
def sender_domain(mail: ParsedMail) -> str:
    return mail.sender.domain if mail.sender else ""


@mail_property("Importance (high, normal or low)")
def importance(mail: ParsedMail) -> str:
    return urgency.importance(mail)


@mail_property("Attachments")
def attachments(mail: ParsedMail) -> str:
    return ", ".join(file.filename for file in mail.attachments)


@mail_property("To addresses")
def to(mail: ParsedMail) -> str:
    return _listed(mail.to)


@mail_property("Cc addresses")
def cc(mail: ParsedMail) -> str:
    return _listed(mail.cc)


@mail_property("Date the sender wrote it")
def date(mail: ParsedMail) -> str:
    return mail.date.isoformat() if mail.date else ""


@mail_property("Message id")
def message_id(mail: ParsedMail) -> str:
    return mail.message_id


def _listed(addresses: tuple[Address, ...]) -> str:
    return ", ".join(address.email for address in addresses)
