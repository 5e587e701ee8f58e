"""Everything that reads a mail, and what must be true of its answers whatever the mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from mailchannel.kernel.channel import MappingRule
from mailchannel.kernel.types import ParsedMail
from mailchannel.management.commands.inspect_mail import as_json
from mailchannel.mapping.engine import map_fields
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.parsing.automatic import automatic, bulk
from mailchannel.parsing.identity import identity
from mailchannel.parsing.importance import importance
from mailchannel.parsing.kinds import kind_of
from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words

KINDS = ("text", "paragraph", "number", "date", "boolean", "email", "choice")
RULES = [
    *(MappingRule(name, property=name, kind="paragraph") for name in PROPERTIES),
    *(MappingRule(kind, property=name, kind=kind) for kind in KINDS for name in ("subject", "date")),
]
LONGEST_NAME = 200  # bytes
#: Whom the road of a mail asks; beside them `new_words`, once.
ONCE = (automatic, bulk, kind_of, importance)


def read(raw: bytes) -> ParsedMail:
    """Parses the mail, asks every reader about it and checks that what they say can be stored."""
    mail = parse(raw)
    check(mail)
    assert len(identity(raw)) == 64
    return mail


def check(mail: ParsedMail) -> None:
    storable(mail)
    ask((*ONCE, new_words, as_json), mail)
    storable([step.because for step in map_fields(mail, RULES).steps])
    assert all(file.filename and len(file.filename.encode()) <= LONGEST_NAME for file in mail.attachments)


def ask(readers: Iterable[Callable[[ParsedMail], Any]], mail: ParsedMail) -> None:
    for each in readers:
        storable(each(mail))


def storable(value: Any) -> None:
    """No text in it holds what a database refuses: a NUL or half a surrogate pair."""
    if isinstance(value, str):
        value.encode("utf-8")
        assert "\x00" not in value, f"NUL in {value[:200]!r}"
    elif isinstance(value, Mapping):
        storable(list(value.items()))
    elif is_dataclass(value):
        storable([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            storable(each)
