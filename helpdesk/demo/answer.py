"""What the customer of the newest mail in the demo's outbox writes back."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path


def answer_to_newest(sent: Path) -> EmailMessage | None:
    """None when no mail has been sent to a customer yet."""
    newest = max(sent.glob("*.eml"), default=None)
    return _answer(message_from_bytes(newest.read_bytes(), policy=policy.default)) if newest else None


def _answer(received: EmailMessage) -> EmailMessage:
    mail = EmailMessage(policy.SMTP)
    customer = received["To"].addresses[0]
    mail["From"] = customer
    mail["To"] = str(received["Reply-To"] or received["From"])
    mail["Date"] = localtime()
    mail["Message-ID"] = make_msgid(domain=customer.domain)
    mail["Subject"] = f"Re: {str(received['Subject']).removeprefix('Re: ')}"
    mail["In-Reply-To"] = str(received["Message-ID"])
    mail["References"] = f"{received.get('References', '')} {received['Message-ID']}".strip()
    mail.set_content(f"Thank you, that was quick!\n\n{_quoted(received)}")
    return mail


def _quoted(received: EmailMessage) -> str:
    body = received.get_body(("plain",))
    lines = str(body.get_content()).splitlines() if body else []
    return f"On {received['Date']}, {received['From']} wrote:\n" + "".join(f"> {line}\n" for line in lines)
