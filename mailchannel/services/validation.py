"""What people may type into a mail server's settings, and the one spelling each of them is stored in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError

from mailchannel.mapping.values import fit
from mailchannel.parsing.addresses import ascii_domain
from mailchannel.pipeline.routing import assignments, words_of

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_LOCAL_PART = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_SKIP_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]\d|2[0-3]):([0-5]\d)")
LONGEST_LINE: Final = 500
YEARS: Final = range(1970, 9990)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\ud800-\udfff]")


def domain(text: str) -> str:
    """`Bücher.Example ` → `xn--bcher-kva.example`, the spelling mails are compared in."""
    given = text.strip().removeprefix("@").rstrip(".").lower()
    name = ascii_domain(given)
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise ValidationError(f"“{text.strip()}” is not a domain. Write it like example.com.")
    return name


def domain_pattern(text: str) -> str:
    """A domain, or `*.example.com` for everything below it."""
    given = text.strip()
    return f"*.{domain(given[2:])}" if given.startswith("*.") else domain(given)


def address(text: str) -> str:
    """One mail address, in the spelling senders and recipients are compared in."""
    local, at, host = text.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise ValidationError(f"“{text.strip()}” is not a mail address. Write it like support@example.com.")
    return f"{local.lower()}@{domain(host)}"


def address_pattern(text: str) -> str:
    """A mail address, or `*@domain` for everybody there."""
    given = text.strip()
    if given.startswith("*@"):
        return f"*@{domain_pattern(given[2:])}"
    if "@" not in given.strip("@") and "." in given:
        raise ValidationError(f"“{given}” is not a mail address. Write *@{given.strip('@')} for everybody at a domain.")
    return address(given)


def start(moment: datetime) -> None:
    """Beyond these years a moment cannot be told in every time zone, and no mail server knows them."""
    if moment.year not in YEARS:
        raise ValidationError(f"Choose a date in the years {YEARS[0]} to {YEARS[-1]}.")


def host(text: str) -> str:
    """A host name or an IP address, without scheme, port or path."""
    given = text.strip().lower()
    try:
        return str(ipaddress.ip_address(given.strip("[]")))
    except ValueError:
        pass
    if given == "localhost":
        return given
    try:
        return domain(given)
    except ValidationError:
        raise ValidationError(
            f"“{text.strip()}” is not a server name. Write a name like imap.example.com or an IP address, "
            "without https:// and without a port."
        ) from None


def skip_time(text: str) -> str:
    """`2:00 - 4:00` is refused, `02:00 - 04:00` becomes `02:00-04:00`; the second may lie on the next day."""
    match = _SKIP_TIME.fullmatch(text.strip())
    if not match:
        raise ValidationError(f"“{text.strip()}” is not a time span. Write it like 02:00-04:00 or 23:30-00:30.")
    start, end = f"{match[1]}:{match[2]}", f"{match[3]}:{match[4]}"
    if start == end:
        raise ValidationError(f"“{text.strip()}” begins and ends at the same minute.")
    return f"{start}-{end}"


def folder_name(text: str) -> str:
    """A folder as the mail server names it. Control characters could smuggle in a second command."""
    given = text.strip()
    if _CONTROL.search(given):
        raise ValidationError("A folder name cannot contain line breaks or invisible characters.")
    if len(given) > 255:
        raise ValidationError("A folder name has at most 255 characters.")
    return given


def each(check: Callable[[str], str], lines: Iterable[str]) -> list[str]:
    """Checks every entry and drops repetitions. Raises one ValidationError that names every bad entry."""
    found: dict[str, None] = {}
    problems: list[str] = []
    for line in lines:
        try:
            found[check(line)] = None
        except ValidationError as error:
            problems.extend(error.messages)
    if problems:
        raise ValidationError(problems)
    return list(found)


def default_value(kind: str, choices: tuple[str, ...], text: str) -> str:
    """A fallback for a ticket field of this kind."""
    if problem := fit(text, kind, choices).problem:
        raise ValidationError(f"{problem}.")
    return text.strip()


def address_line(text: str) -> str:
    """An address, `=`, and the name of what mail to it belongs to."""
    left, name = _assignment(text, "hr@example.com = Human Resources")
    return f"{address(left)} = {name}"


def words_line(text: str) -> str:
    """Words with commas between them, `=`, and the name of what they stand for."""
    left, name = _assignment(text, "payroll, salary = HR Service")
    words = list(dict.fromkeys(words_of(left)))
    if not words:
        raise ValidationError(f"“{text.strip()}” has no word before the “=”.")
    return f"{', '.join(words)} = {name}"


def _assignment(text: str, example: str) -> tuple[str, str]:
    found = next(assignments([text]), None)
    if found is None:
        raise ValidationError(f"“{text.strip()}” cannot be read. Write it like {example}.")
    if len(text) > LONGEST_LINE:
        raise ValidationError(f"A line has at most {LONGEST_LINE} characters. Make two of “{text.strip()[:60]}…”.")
    return found


#: Settings whose lines have one spelling in which they are stored; every other list is free text.
LINE_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "blocked_senders": address_pattern,
    "new_tickets_exceptions": address_pattern,
    "alias_departments": address_line,
    "service_words": words_line,
    "process_words": words_line,
}

#: Role of a folder → what happens there, as part of a sentence.
TARGETS: Final = {"success": "processed", "fail": "failed", "exclusion": "ignored"}


def folder_problems(source: Iterable[str], targets: Mapping[str, str], never_read: Iterable[str]) -> dict[str, str]:
    """Role → why its folder cannot be used. A mail moved to where it is read from would be read for ever."""
    problems: dict[str, str] = {}
    read = {_same(folder) for folder in source}
    for role, folder in targets.items():
        if folder and _same(folder) in read:
            problems[role] = (
                f"Mail is read from “{folder}”, so {TARGETS[role]} mail cannot be moved there. Choose another folder."
            )
    both = sorted(folder for folder in never_read if _same(folder) in read)
    if both:
        problems["never_read"] = f"“{both[0]}” is also among the folders to read. Remove it in one of the two places."
    return problems


def _same(folder: str) -> str:
    return "inbox" if folder.lower() == "inbox" else folder  # RFC 3501 5.1: INBOX alone ignores case
