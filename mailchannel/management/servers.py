"""What the commands about mail servers share: finding one by its name, reading a file, writing JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management import CommandError

from mailchannel.models import MailServer


def find(name: str) -> MailServer:
    """Raises CommandError naming the mail servers there are."""
    try:
        return MailServer.objects.get(name=name)
    except MailServer.DoesNotExist:
        known = ", ".join(MailServer.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no mail server named {name!r}. Known: {known}.") from None


def find_all(names: Iterable[str] | None) -> list[MailServer]:
    """The named ones, or every one that is live."""
    if names:
        return [find(name) for name in names]
    return list(MailServer.objects.filter(status__in=MailServer.LIVE))


def read(path: str) -> bytes:
    """`-` is standard input. Raises OSError."""
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def json_line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
