"""What the untagged lines of an IMAP server say. Pure; tolerant of everything a server may send in between."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from imap_tools.imap_utf7 import utf7_decode, utf7_encode

#: A line, or a line that ended in a literal together with that literal: how imaplib hands them out.
Item = bytes | tuple[bytes, bytes] | None

UID = re.compile(rb"\bUID (\d+)")
SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
RECEIVED = re.compile(rb'\bINTERNALDATE "([^"]+)"')
FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
QUOTED_BODY = re.compile(rb'\bBODY\[[A-Z]*\] "((?:[^"\\]|\\.)*)"', re.DOTALL)
LITERAL = re.compile(rb"\{(\d+)\}$")
LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"\\?(?P<delimiter>[^"])"|NIL) (?P<name>.*)', re.DOTALL)
QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
NAMESPACE = re.compile(rb'\(\("((?:[^"\\]|\\.)*)" (?:"((?:[^"\\]|\\.)*)"|NIL)')

SPECIAL_USES = ("junk", "trash", "sent", "all", "drafts", "archive")


class Mismatch(Exception):
    """The answer does not belong to the question; nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class Message:
    """One FETCH line. `body` is None where the server only reports flags, asked or unasked."""

    uid: str
    size: int | None
    received: datetime | None
    flags: frozenset[str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class FolderLine:
    name: str
    delimiter: str
    flags: frozenset[str]  # lower case, without backslash

    @property
    def special_use(self) -> str:
        return next((use for use in SPECIAL_USES if use in self.flags), "")

    @property
    def selectable(self) -> bool:
        return not self.flags & {"noselect", "nonexistent"}


def messages(items: Iterable[Item]) -> Iterator[Message]:
    """Every FETCH line, whoever asked for it. Raises Mismatch when a body is not what its line announced."""
    for text, literals in _lines(items):
        flags = FLAGS.search(text)
        rest = FLAGS.sub(b"", text)  # a keyword may be called UID
        uid, size, received = UID.search(rest), SIZE.search(rest), RECEIVED.search(rest)
        yield Message(
            uid=uid[1].decode() if uid else "",
            size=int(size[1]) if size else None,
            received=_moment(received[1]) if received else None,
            flags=frozenset(flags[1].decode("ascii", "replace").split()) if flags else frozenset(),
            body=_body(rest, literals),
        )


def folder_lines(items: Iterable[Item]) -> Iterator[FolderLine]:
    """Every LIST line whose name can be read and written back unchanged."""
    for text, literals in _lines(items):
        line = LISTED.search(text)
        name = _name(literals[0] if literals else _unquoted(line["name"])) if line else None
        if line and name is not None:
            flags = line["flags"].decode("ascii", "replace").replace("\\", "").lower().split()
            yield FolderLine(name, (line["delimiter"] or b"").decode("ascii", "replace"), frozenset(flags))


def personal_namespace(line: bytes) -> tuple[str, str] | None:
    """Prefix and delimiter of the folders that are one's own (RFC 2342)."""
    found = NAMESPACE.search(line)
    if not found:
        return None
    prefix = _name(_unescaped(found[1]))
    return (prefix or "", _unescaped(found[2] or b"").decode("ascii", "replace"))


def _lines(items: Iterable[Item]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Lines put together again: imaplib hands out a pair for each literal and then the end of the line."""
    text, literals = b"", list[bytes]()
    for item in items:
        if isinstance(item, tuple):
            _check_length(*item)
            text, literals = text + item[0], [*literals, item[1]]
        elif item is not None:
            yield text + item, literals
            text, literals = b"", []


def _check_length(line: bytes, literal: bytes) -> None:
    announced = LITERAL.search(line)
    if not announced or int(announced[1]) != len(literal):
        raise Mismatch("a message came with another length than announced")


def _body(text: bytes, literals: list[bytes]) -> bytes | None:
    if literals:
        return literals[0]
    quoted = QUOTED_BODY.search(text)
    return _unescaped(quoted[1]) if quoted else None


def _moment(text: bytes) -> datetime | None:
    try:
        return datetime.strptime(text.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError:
        return None


def _unquoted(text: bytes) -> bytes:
    quoted = QUOTED.match(text)
    return _unescaped(quoted[1]) if quoted else text


def _unescaped(text: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL)


def _name(encoded: bytes) -> str | None:
    """A folder name out of modified UTF-7 (RFC 3501, 5.1.3), or None when it could not be named to the server again."""
    try:
        name = utf7_decode(encoded)
        return name if utf7_encode(name) == encoded else None
    except (binascii.Error, UnicodeError):
        return None
