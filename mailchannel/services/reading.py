"""What this installation makes of a mail's bytes, within its limits: the parser's answer, and the bytes for the eye."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, fields
from functools import cache

from django.conf import settings

from mailchannel.kernel.types import ParsedMail
from mailchannel.models import InboundMail, RawMail
from mailchannel.parsing import mime, protection, unpacking
from mailchannel.parsing.limits import Limits

_CLOSED = (protection.CLOSED, unpacking.CLOSED)
_ENCRYPTED = "The mail is encrypted"
LONGEST_SOURCE = 500_000  # bytes shown; the download has all of it
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n|\r\r")
#: What a browser would not show, or would let reorder what stands around it.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a mail as text. `cut`: there is more than is shown."""

    headers: str
    body: str
    cut: bool


@cache
def limits() -> Limits:
    return Limits(**{each.name: settings.MAIL_LIMITS[each.name] for each in fields(Limits)})


def parse(raw: bytes, *, size: int | None = None) -> ParsedMail:
    return mime.parse(raw, size=size, limits=limits())


def parse_stored(row: InboundMail) -> ParsedMail | None:
    """Read anew, with the parser of now. None: the original is not kept any more."""
    raw = RawMail.objects.filter(pk=row.pk).first()
    return parse(raw.content, size=row.size) if raw else None


def remarks(mail: ParsedMail) -> list[str]:
    """What a person must know before reading the text: something the sender wrote is not in it."""
    hidden = [each for each in mail.defects if each in _CLOSED or each.startswith(_ENCRYPTED)]
    return [mail.too_complex, *hidden] if mail.too_complex else hidden


def source(raw: bytes) -> Source:
    shown = raw[:LONGEST_SOURCE]
    cut = len(raw) > len(shown)
    end = _END_OF_HEADERS.search(shown)
    if end is None:
        return Source(_as_text(shown, cut=cut), "", cut)
    return Source(_as_text(shown[: end.start()]), _as_text(shown[end.end() :], cut=cut), cut)


def _as_text(piece: bytes, *, cut: bool = False) -> str:
    """UTF-8 where it is; otherwise a character a byte, so that nothing is lost. `cut`: half a character may end it."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(piece, final=not cut)
    except UnicodeDecodeError:
        text = piece.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: f"⟨{ord(found[0]):04X}⟩", lines)
