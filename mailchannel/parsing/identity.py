"""What makes a mail the same mail, whatever way and however often it arrives.

Not its Message-ID alone: that may be missing, or reused for another content. Headers that change on the way (Received,
Delivered-To, anything a filter adds) are left out. Works on raw bytes by plain searching, so that no mail, however
broken, is without an identity.

And what makes two mails say the same, though each was sent by itself: `plain_subject` and `digests`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from mailchannel.kernel.types import Part, PartKind
from mailchannel.parsing.subjects import is_answer, is_passed_on

#: Possessive (`*+`): a header folded into ten million lines must not fill the memory with ways back.
SAME = re.compile(rb"^(message-id|from|date|subject)[ \t]*:(.*+(?:\n[ \t].*+)*+)", re.IGNORECASE | re.MULTILINE)
SEARCHED = 1_000_000  # bytes of a header block; the rest of a longer one says nothing about who wrote what
ORDER = (b"message-id", b"from", b"date", b"subject")
SUBJECT = 255  # characters compared: so many the ledger keeps


def identity(raw: bytes) -> str:
    """64 hexadecimal digits. Line ends and the folding of headers make no difference."""
    head, _, body = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")
    found: dict[bytes, list[bytes]] = {}
    for match in SAME.finditer(head, 0, SEARCHED):
        found.setdefault(match[1].lower(), []).append(b" ".join(match[2].split()))
    digest = hashlib.sha256()
    for name in ORDER:
        digest.update(name + b"\0" + b"\n".join(found.get(name, [])) + b"\0")
    digest.update(body.rstrip(b"\n"))
    return digest.hexdigest()


def plain_subject(subject: str) -> str:
    """Without `Re:` and `Fwd:`; upper and lower case and the number of blanks make no difference."""
    text = " ".join(subject[:SUBJECT].split())
    while is_answer(text) or is_passed_on(text):
        text = re.split("[:：]", text, maxsplit=1)[1].strip()
    return text.casefold()


def digests(parts: Iterable[Part]) -> tuple[str, ...]:
    """What a mail says and brings, part by part. A signature is made anew each time, so it says nothing."""
    return tuple(hashlib.sha256(part.content).hexdigest() for part in parts if part.kind is not PartKind.SIGNATURE)
