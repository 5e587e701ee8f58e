"""Mail put together from what a server says about it, where the mail itself is too large or cannot be had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr

NAME = re.compile(r"[!-9;-~]{1,200}")
BREAK = re.compile(r"[\r\n]+[ \t]*")
UNFIT = re.compile(r"[\x00-\x1f\x7f]+")
ABOUT_THE_BODY = ("content-", "mime-version")
PLAIN = (
    ("MIME-Version", "1.0"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Transfer-Encoding", "8bit"),
)
WHY = (
    "[{server} could not hand this mail over as it was sent. This is its text as {server} shows it, without its files. "
    "The mail itself is in the mailbox.]"
)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a mail without headers: mail inside one organisation has none. `sent` as ISO 8601 writes it."""

    name: str = ""
    address: str = ""
    subject: str = ""
    message_id: str = ""
    sent: str = ""

    def headers(self) -> Iterator[Header]:
        if self.address:
            with suppress(UnicodeError):  # an address beyond ASCII
                yield "From", formataddr((UNFIT.sub(" ", self.name), UNFIT.sub(" ", self.address)))
        yield "Subject", UNFIT.sub(" ", self.subject)
        if self.message_id:
            yield "Message-ID", UNFIT.sub(" ", self.message_id)
        with suppress(ValueError):
            yield "Date", format_datetime(datetime.fromisoformat(self.sent))


def header_block(headers: Sequence[Header]) -> bytes:
    """With the empty line that ends it."""
    lines = [f"{name}: {BREAK.sub(chr(13) + chr(10) + ' ', value.strip())}" for name, value in headers if _fit(name)]
    return "\r\n".join((*lines, "", "")).encode("utf-8", "replace")


def substitute(headers: Sequence[Header], text: str, server: str) -> bytes:
    """A plain mail in place of one that cannot be had, with a word why."""
    kept = [each for each in headers if not each[0].lower().startswith(ABOUT_THE_BODY)]
    body = "\r\n".join((WHY.format(server=server), "", *text.splitlines(), ""))
    return header_block([*kept, *PLAIN]) + body.encode("utf-8", "replace")


def _fit(name: str) -> bool:
    return NAME.fullmatch(name) is not None
