"""What an IMAP server tells of our rights and of the room that is left, without anything being tried."""

from __future__ import annotations

import re

from mailchannel.network.imap_client import ImapClient, answered, encoded_name
from mailchannel.network.sights import Space

STORAGE = re.compile(rb"\bSTORAGE (\d{1,18}) (\d{1,18})")  # kilobytes (RFC 9208)


def rights(client: ImapClient, folder: str) -> str | None:
    """Letters of RFC 4314, or None where the server does not keep such lists."""
    if "ACL" not in client.capabilities:
        return None
    with client.command() as wire:
        line = answered(wire.myrights(encoded_name(folder).decode()))[-1] or b""
    words: list[str] = line.decode("ascii", "replace").split()
    return words[-1] if len(words) > 1 else None


def space(client: ImapClient) -> Space | None:
    if "QUOTA" not in client.capabilities:
        return None
    with client.command() as wire:
        _, quotas = answered(wire.getquotaroot("INBOX"))
    told = b" ".join(line for line in quotas if isinstance(line, bytes))  # a name told as a literal comes as a pair
    found = STORAGE.search(told)
    return Space(int(found[1]), int(found[2])) if found and int(found[2]) else None
