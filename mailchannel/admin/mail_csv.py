"""The filtered mail log as a CSV file that a spreadsheet may open without running what a stranger wrote."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from mailchannel.models import InboundMail
from tickets.api import format_number

MOST_ROWS: Final = 50_000
HEADINGS: Final = (
    *("Received", "Outcome", "Reason", "Why", "Sender", "Subject", "Message-ID"),
    *("Ticket", "Mail server", "Now in", "Bytes", "Settings version"),
)
_COLUMNS: Final = (
    *("received_at", "outcome", "reason", "because", "sender", "subject", "message_id"),
    *("ticket_id", "server__name", "filed_to", "size", "version"),
)
#: What a spreadsheet takes for the beginning of a formula, also behind blanks; and behind a semicolon, which parts the
#: cells of a CSV file wherever the comma is for decimals, whatever stands in quotes.
_FORMULA: Final = re.compile(r"(^|;)(?=[ \xa0]*[=+\-@\t\r\n＝＋－＠])")


class _Echo:
    """A file that hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def download(rows: QuerySet[InboundMail]) -> StreamingHttpResponse:
    """The newest MOST_ROWS of them."""
    headers = {
        "Content-Disposition": f'attachment; filename="mail-log-{timezone.localtime():%Y-%m-%d}.csv"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8", headers=headers)


def inert(value: object) -> str:
    """Text that stays text: a sign that would begin a formula gets an apostrophe in front."""
    return _FORMULA.sub(r"\1'", str(value))


def _lines(rows: QuerySet[InboundMail]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"  # without it spreadsheets guess the encoding
    yield writer.writerow(HEADINGS)
    values: Any = rows.select_related(None).values_list(*_COLUMNS)[:MOST_ROWS]
    for received, *others in values.iterator(chunk_size=500):
        others[6] = format_number(others[6]) if others[6] else ""
        yield writer.writerow([f"{timezone.localtime(received):%Y-%m-%d %H:%M:%S%z}", *map(inert, others)])
