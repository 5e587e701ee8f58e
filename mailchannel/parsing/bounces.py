"""Is this mail a report about another one that was not delivered? A report that a person forwards is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailchannel.kernel.types import ParsedMail, PartKind
from mailchannel.parsing.plain_words import plain
from mailchannel.parsing.report_text import lists_recipients
from mailchannel.parsing.report_words import (
    REPORT_LINES,
    REPORT_OPENING,
    REPORT_SUBJECTS,
    SERVER_OPENING,
    SERVER_SUBJECT,
)
from mailchannel.parsing.subjects import is_answer, is_passed_on

#: Names that only the mail server itself bears.
ROBOT = re.compile(r"\bmail(er)?[-_. ]?daemon\b(?!\.)|\bmdaemon@")
SERVER = re.compile(
    r"\bmail[-_. ]?deliver(y|ing)?[-_. ]?((sub)?system|service|agent)|^\W*delivery (sub)?system|internet mail delivery"
    r"|microsoftexchange[0-9a-f]{20,40}@|\bcourier mail server|mail[- ]?server daemon|\bndr@|bounce-?daemon"
    r"|automated response|\b(e-?mail|smtp)[-_ ]mail[-_ ]service|virus ?wall"
)
#: Names that the people who look after it bear as well. Plain system administrators write letters like everybody.
ADMINISTRATOR = re.compile(
    r"\bpost[-_]?master\b|\bmail ?(server)? ?administrator\b|antivirus|interscan|imss|microsoft exchange"
    r"|content[- ]filter|mail ?gateway"
)
NO_PATH = re.compile(r"<?\s*(mailer-daemon(@[^<>]*)?)?\s*>?", re.IGNORECASE)
REPORT_TYPE = re.compile(r"report-type\s*=\s*\"?\s*([\w-]+)", re.IGNORECASE)
STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
HEADER_TYPES = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
DECORATION = " \t\xa0*#=|~_-"
OPENING_STANDS_IN = 900  # characters
LINES_STAND_IN = 10_000  # characters
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class _Sign:
    """`weight` 2: no person's mail has it. 1: it takes two more."""

    words: str
    weight: int


def bounce(mail: ParsedMail) -> str:
    """The sign of a delivery report, in words for the trace; empty: it is none."""
    kind = report_type(mail)
    if kind == "feedback-report":
        return ""
    return _delivery_report(mail, kind) or _failed_recipients(mail) or _robot(mail) or _weighed(mail)


def report_type(mail: ParsedMail) -> str:
    """`delivery-status` and the like (RFC 6522), for a mail that as a whole is a report."""
    if mail.content_type != "multipart/report":
        return ""
    found = REPORT_TYPE.search(mail.header("content-type")[:2000])
    return found[1].lower() if found else ""


def null_return_path(mail: ParsedMail) -> bool:
    """RFC 5321, 4.5.5: nobody is to be told that it did not arrive. Some servers write their own name for that."""
    path = mail.header("return-path").strip()
    return path != "" and len(path) < 400 and NO_PATH.fullmatch(path) is not None


def passed_on(mail: ParsedMail) -> bool:
    """A person answers or forwards: the words of the report are not the mail's own."""
    return is_passed_on(mail.subject) or (is_answer(mail.subject) and bool(mail.in_reply_to or mail.references))


def _delivery_report(mail: ParsedMail, kind: str) -> str:
    if mail.content_type != "multipart/report":
        return ""
    stated = any(part.content_type in STATUS_TYPES for part in mail.parts)
    return "a delivery report (RFC 3464)" if stated or kind == "delivery-status" else ""


def _failed_recipients(mail: ParsedMail) -> str:
    return "it has the header X-Failed-Recipients" if mail.header("x-failed-recipients") else ""


def _robot(mail: ParsedMail) -> str:
    found = ROBOT.search(mail.from_header[:400].lower())
    return f"it comes from {mail.from_header[:80]}" if found else ""


def _weighed(mail: ParsedMail) -> str:
    """Signs that together leave no doubt; most mails have none of the first ones, and are done."""
    outer = list(_outer_signs(mail))
    words = _words(mail, from_server=bool(outer))
    if not words and len(outer) < 2:
        return ""
    signs = [*outer, *words]
    if words and _sum(signs) == ENOUGH - 1:
        signs += _inner_signs(mail)
    return " and ".join(sign.words for sign in signs) if _sum(signs) >= ENOUGH else ""


def _words(mail: ParsedMail, *, from_server: bool) -> list[_Sign]:
    """What its subject and its beginning say. Only of a mail that is from a server is one of them enough."""
    subject = _subject(mail)
    if (subject is None and not from_server) or passed_on(mail):
        return []
    opening = _opening(mail)
    if opening is None:
        return [subject] if subject and from_server else []
    if subject is None:  # vacation notices begin with `your mail` and `not` as well
        return [_Sign(opening.words, opening.weight - 1)]
    return [subject, opening]


def _sum(signs: list[_Sign]) -> int:
    return sum(sign.weight for sign in signs)


def _outer_signs(mail: ParsedMail) -> Iterator[_Sign]:
    sender = plain(mail.from_header[:400])
    if null_return_path(mail):
        yield _Sign("an empty Return-Path", 2)
    if SERVER.search(sender):
        yield _Sign(f"it comes from {mail.from_header[:80]}", 2)
    elif ADMINISTRATOR.search(sender):
        yield _Sign(f"it comes from {mail.from_header[:80]}", 1)


def _subject(mail: ParsedMail) -> _Sign | None:
    subject = plain(mail.subject[:500])
    if SERVER_SUBJECT.match(subject):
        return _Sign(f"the subject “{mail.subject[:80]}”", 2)
    if any(phrase in subject for phrase in REPORT_SUBJECTS):
        return _Sign(f"the subject “{mail.subject[:80]}”", 1)
    return None


def _opening(mail: ParsedMail) -> _Sign | None:
    """A server begins with its message. A person who quotes one begins with a word of his own, or a quote mark."""
    lines = [line.strip() for line in mail.text[:OPENING_STANDS_IN].splitlines() if line.strip(DECORATION)]
    undecorated = [line for line in lines if line[:3].strip(DECORATION)]
    for start in (lines, undecorated):
        text = plain(" ".join(line.strip(DECORATION) for line in start))
        weight = 2 if SERVER_OPENING.match(text) else 1 if REPORT_OPENING.match(text) else 0
        if weight:
            return _Sign(f"it begins “{' '.join(start)[:80]}”", weight)
    return None


def _inner_signs(mail: ParsedMail) -> Iterator[_Sign]:
    """What a report shows besides its words: the mail that came back, the server's log, who was not reached."""
    if any(part.kind is PartKind.MESSAGE or part.content_type in (*STATUS_TYPES, *HEADER_TYPES) for part in mail.parts):
        yield _Sign("the mail that came back", 1)
        return
    text = plain(mail.text[:LINES_STAND_IN])
    line = next((phrase for phrase in REPORT_LINES if phrase in text), "")
    if line:
        yield _Sign(f"the line “{line}”", 1)
    elif lists_recipients(mail):
        yield _Sign("the address it lists", 1)
