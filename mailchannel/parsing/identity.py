"""What makes a mail the same mail, whatever way and however often it arrives.

Not its Message-ID alone: that may be missing, or reused for another content. Headers that change on the way (Received,
Delivered-To, anything a filter adds) are left out. Works on raw bytes by plain searching, so that no mail, however
broken, is without an identity.
"""

from __future__ import annotations

import hashlib
import re

#: Possessive (`*+`): a header folded into ten million lines must not fill the memory with ways back.
SAME = re.compile(rb"^(message-id|from|date|subject)[ \t]*:(.*+(?:\n[ \t].*+)*+)", re.IGNORECASE | re.MULTILINE)
SEARCHED = 1_000_000  # bytes of a header block; the rest of a longer one says nothing about who wrote what
ORDER = (b"message-id", b"from", b"date", b"subject")


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
