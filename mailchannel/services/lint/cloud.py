"""Exchange Web Services are for Exchange servers of one's own: Microsoft takes them away from Exchange Online."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from django.utils import timezone

from mailchannel.services.lint.remark import Draft, Remark

EWS: Final = "ews"
BLOCKED: Final = date(2026, 10, 1)  # for every tenant that has not put the application on its allow list
GONE: Final = date(2027, 4, 1)  # for everybody
#: What the names of Exchange Online's servers end with.
ONLINE: Final = ("office365.com", "office.com", "office365.us", "outlook.com", "outlook.cn")
INSTEAD: Final = "Use Microsoft Graph, or IMAP with OAuth."


def online(url: str) -> bool:
    """The connect URL leads to Exchange Online."""
    try:
        host = (urlsplit(url.strip()).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == name or host.endswith(f".{name}") for name in ONLINE)


def warning(url: str, today: date) -> str:
    """What whoever enters this connect URL has to know that day; empty for an Exchange server of one's own."""
    if not online(url):
        return ""
    if today >= GONE:
        return f"Microsoft has removed Exchange Web Services from Exchange Online on {GONE}. {INSTEAD}"
    if today >= BLOCKED:
        return (
            f"Exchange Online blocks Exchange Web Services since {BLOCKED} unless your tenant has put this application "
            f"on its allow list, and removes them for good on {GONE}. {INSTEAD}"
        )
    return (
        f"Exchange Online blocks Exchange Web Services from {BLOCKED} on unless your tenant puts this application on "
        f"its allow list, and removes them for good on {GONE}. {INSTEAD}"
    )


def retired(draft: Draft) -> Iterator[Remark]:
    server = draft.server
    ways = (
        ("", server.protocol, server.connection),
        ("sending-", server.sending_protocol, server.sending),
    )
    for prefix, protocol, settings in ways:
        said = warning(str(settings.get("url", "")), timezone.localdate()) if protocol == EWS else ""
        if said:
            yield Remark(f"{prefix}url", f"“Connect URL”: {said}", "connection")


RULES = (retired,)
