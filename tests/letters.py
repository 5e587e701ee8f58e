"""Mails as customers send them."""

from __future__ import annotations

from itertools import count

_serial = count(1)


def letter(
    *,
    sender: str = "Ann Weber <ann@customer.example>",
    to: str = "support@example.com",
    subject: str = "Printer on fire",
    body: str = "Help!",
    message_id: str | None = None,
    **headers: str,
) -> bytes:
    """A plain mail with CRLF line ends; `In_Reply_To="<x@y>"` adds a header. Each has its own Message-ID."""
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: <{message_id or f'{next(_serial)}@customer.example'}>",
        "Date: Fri, 20 Nov 2026 10:00:00 +0000",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "", body, ""]).encode()
