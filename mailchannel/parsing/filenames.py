"""A name for an attachment that is safe to show and to offer for download. It never becomes a path."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

#: Cut first, so that a hostile name of a megabyte costs nothing.
LONGEST_READ = 2_000

#: The table of the standard library depends on the machine; these are what people send without a name.
KNOWN = {
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/feedback-report": ".txt",
    "text/rfc822-headers": ".txt",
    "text/calendar": ".ics",
    "text/plain": ".txt",
    "text/html": ".html",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
}


def safe_name(name: str) -> str:
    """Normalised first, then reduced to its last component; empty when nothing is left of it."""
    text = unicodedata.normalize("NFKC", name[:LONGEST_READ])
    text = "".join(" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or unicodedata.category(c)[0] != "C")
    text = re.split(r"[/\\]", text.rstrip("/\\ "))[-1]
    return " ".join(text.split()).strip(". ") if set(text.strip()) <= {".", " "} else " ".join(text.split()).strip()


def invented_name(content_type: str, number: str) -> str:
    """`attachment-1.2.pdf` for a part without a name: its section number, which no other part has."""
    ending = KNOWN.get(content_type) or mimetypes.guess_extension(content_type) or ""
    return f"attachment-{number}{ending}"


def shortened(name: str, most: int) -> str:
    """At most so many bytes; the ending is kept, because it says what to open the file with."""
    if len(name.encode()) <= most:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = f"{dot}{ending}" if stem and len(ending.encode()) <= min(20, most - 2) else ""
    head = (stem if tail else name).encode()[: most - len(tail.encode())]
    return head.decode("utf-8", "ignore").rstrip() + tail
