"""The mails that tell people about files that were left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mailchannel.compose.reply import Letter, compose_reply

MOST_FILES = 50
#: Says to every program that no person wrote this and nothing should answer it (RFC 3834, MS-OXCMAIL).
AUTOMATIC = b"Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n"


class LeftOut(Protocol):
    """A file, and why it was left out."""

    @property
    def filename(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def solution(self) -> str: ...


def compose_notice(letter: Letter) -> bytes:
    """The whole mail, marked as automatic."""
    return AUTOMATIC + compose_reply(letter)


def to_sender(subject: str, number: str, files: Sequence[LeftOut]) -> str:
    return (
        f"Your mail “{subject}” has reached us; its number is {number}. "
        f"{_how_many(len(files))} left out of it:\n\n{_listed(files)}\n"
        "Everything else in your mail has arrived. To send a file once more, answer this mail.\n"
    )


def to_team(subject: str, number: str, sender: str, page: str, files: Sequence[LeftOut]) -> str:
    """`page` is where the mail's parts are listed and can be restored."""
    return (
        f"A mail from {sender} became part of {number}: “{subject}”. "
        f"{_how_many(len(files))} left out of it:\n\n{_listed(files)}\n"
        f"The original mail still holds what was left out: {page}\n"
    )


def _how_many(count: int) -> str:
    return "One file was" if count == 1 else f"{count} files were"


def _listed(files: Sequence[LeftOut]) -> str:
    lines = [
        f"- {each.filename}\n  {each.error}\n  Reason: {each.reason}\n  Solution: {each.solution}\n"
        for each in files[:MOST_FILES]
    ]
    if more := len(files) - len(lines):
        lines.append(f"- and {more} more\n")
    return "\n".join(lines)
