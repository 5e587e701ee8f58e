"""Files inside a file or a text, each with the number of what held it and a letter: `2a`, `2b`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailchannel.kernel.types import Part, PartKind
from mailchannel.parsing.charset import decode, storable
from mailchannel.parsing.filenames import invented_name, safe_name
from mailchannel.parsing.limits import Limits
from mailchannel.parsing.rtf import decompressed, words
from mailchannel.parsing.structure import TYPE, Node
from mailchannel.parsing.tnef import Winmail, WinmailFile, read_winmail
from mailchannel.parsing.uuencode import encoded_files

UNKNOWN = "application/octet-stream"
TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
CLOSED = "What was sent may lie inside winmail.dat, which could not be unpacked."


@dataclass(slots=True)
class Unpacked:
    """The body that lay in the first winmail.dat, for a mail that has no other."""

    text: str = ""
    html: str = ""
    opened: bool = False
    defects: list[str] = field(default_factory=list)


def take_files_out(leaf: Node, text: bytes) -> bytes:
    """The text without the files that were written into it in uuencode; those become files of the part."""
    files = encoded_files(text)
    if not files:
        return text
    leaf.unpacked = tuple(
        _file(leaf, count, decode(file.name), UNKNOWN, file.content) for count, file in enumerate(files)
    )
    ends = [0, *(file.end for file in files)]
    starts = [*(file.start for file in files), len(text)]
    return b"".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def open_winmail(leaves: Iterable[Node], limits: Limits) -> Unpacked:
    """Unpacks every winmail.dat; it stays a part itself. Raises TooComplex: what was unpacked counts as parts, too."""
    unpacked, parts = Unpacked(), 0
    for leaf in leaves:
        if leaf.role is None and _is_winmail(leaf):
            _open(leaf, unpacked)
        parts += 1 + len(leaf.unpacked)
        limits.allow_parts(parts)
    return unpacked


def _is_winmail(leaf: Node) -> bool:
    name = leaf.disposition.get("filename") or leaf.kind.get("name")
    return leaf.content_type in TNEF or name.lower() in ("winmail.dat", "win.dat")


def _open(leaf: Node, unpacked: Unpacked) -> None:
    found = read_winmail(leaf.content)
    if found is None or found.damaged:
        unpacked.defects.append(CLOSED)
    if found is None:
        return
    leaf.unpacked = tuple(_from_winmail(leaf, count, file) for count, file in enumerate(found.files))
    if not unpacked.opened:
        unpacked.text, unpacked.html, unpacked.opened = _body(found), found.html, True


def _body(found: Winmail) -> str:
    if found.text or found.html:
        return found.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    return words(decompressed(found.rtf))


def _from_winmail(leaf: Node, count: int, file: WinmailFile) -> Part:
    content_type = "application/ms-tnef" if file.is_message else file.content_type
    if TYPE.fullmatch(content_type) is None:
        content_type = UNKNOWN
    return _file(leaf, count, file.name, content_type, file.content, content_id=file.content_id[:300])


def _file(leaf: Node, count: int, name: str, content_type: str, content: bytes, *, content_id: str = "") -> Part:
    number = leaf.number + _letters(count)
    name = safe_name(name) or invented_name(content_type, number)
    return Part(name, content_type, content, storable(content_id), PartKind.FILE, number)


def _letters(count: int) -> str:
    """a, b, … z, aa, ab, …"""
    before, last = divmod(count, 26)
    return (_letters(before - 1) if before else "") + chr(ord("a") + last)
