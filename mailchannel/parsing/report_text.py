"""Who was not reached, out of the free text of a delivery report. Only for mails that are known to be one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailchannel.kernel.types import FailedRecipient, ParsedMail
from mailchannel.parsing.plain_words import plain
from mailchannel.parsing.report_words import DELAY_WORDS

ADDRESS = r"([^\s<>()\[\],;:\"'@=]{1,64}@[^\s<>()\[\],;:\"'@=]{1,253})"
#: The strongest way first: a line that begins with the address, a label before it, a sentence around it.
ALONE = re.compile(
    r"[\s>*|#•·-]{0,20}[\"'<(\[]{0,2}(?:(?:smtp|rfc822|mailto)\s?[:;]\s?)?" + ADDRESS + r"[>\"')\]]{0,3}(?=$|[\s:;,.(])"
)
LABELLED = re.compile(
    r"\b(?:recipients?|addressee|address|undeliverable|unknown user|user ?id|mailbox|user|error-for|attempts"
    r"|addressed to|original-recipient|empfänger|destinataires?|destinatari[oa]s?|ontvanger|получател\w{1,3}"
    r"|generated from|expanded from|inform)\b[^@\n]{0,60}?[:;=,]?[\s\"'<(\[]{1,4}(?:(?:smtp|rfc822)\s?[:;]\s?)?"
    + ADDRESS,
    re.IGNORECASE,
)
IN_A_SENTENCE = re.compile(
    r"\b(?:to|for|an|à|a|para|rcpt to|[45]\d\d(?:[ -]#?[45]\.\d\.\d{1,3})?)[\s:\"'<(\[]{1,5}" + ADDRESS, re.IGNORECASE
)
#: Where the mail that came back begins: surely, and unless nobody was named so far.
HEADERS = re.compile(r"[\s>|]{0,20}(?:received|return-path)\s*:", re.IGNORECASE)
ORIGINAL = re.compile(
    r".{0,60}(?:line|here|this) is a copy|.{0,40}(?:original|returned|unsent)"
    r" (?:message|mail)|.{0,20}message (?:headers?|text)\b.{0,12}\bfollow|.{0,40}(?:mensaje original|copie du message)",
    re.IGNORECASE,
)
#: Lines about the mail that came back, or about whom to ask.
ASIDE = re.compile(
    r"\s*(?:from|to|cc|subject|date|sent|message-?id|reply-to|sender|return address)\s*:|.{0,80}"
    r"(?:contact|questions|further assistance|please send)",
    re.IGNORECASE,
)
STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
NOBODY = ("postmaster", "mailer-daemon", "mailerdaemon")
LONGEST_TEXT = 20_000  # characters
LONGEST_LINE = 500
LONGEST_SAYING = 500
MOST_LINES = 500
MOST_RECIPIENTS = 100


@dataclass(slots=True)
class _Named:
    address: str
    said: str


def recipients_in(mail: ParsedMail) -> tuple[FailedRecipient, ...]:
    """The recipients the text names, each with the words that follow."""
    lines, ours = _own_lines(mail.text), _ours(mail)
    for form in (ALONE, LABELLED, IN_A_SENTENCE):
        named = list(_named(lines, form, ours))[:MOST_RECIPIENTS]
        if named:
            action = action_in(mail)
            return tuple(FailedRecipient(each.address, action, _status(each.said), each.said) for each in named)
    return ()


def lists_recipients(mail: ParsedMail) -> bool:
    """An address that is neither the sender's nor ours has a line to itself: people put theirs into sentences."""
    return any(_named(_own_lines(mail.text), ALONE, _ours(mail)))


def _ours(mail: ParsedMail) -> set[str]:
    return {each.email for each in (*mail.to, *mail.reply_to, *([mail.sender] if mail.sender else []))}


def action_in(mail: ParsedMail) -> str:
    """`delayed` when it says that the mail is still on its way, otherwise `failed`."""
    words = plain(f"{mail.subject[:500]} {mail.text[:2000]}")
    return "delayed" if any(phrase in words for phrase in DELAY_WORDS) else "failed"


def _own_lines(text: str) -> list[str]:
    """The text of the report without the mail it returns."""
    lines: list[str] = []
    named = False
    for line in text[:LONGEST_TEXT].splitlines()[:MOST_LINES]:
        cut = line[:LONGEST_LINE]
        if HEADERS.match(cut) or (named and ORIGINAL.match(cut)):
            break
        named = named or "@" in cut
        lines.append(cut)
    return lines


def _named(lines: list[str], form: re.Pattern[str], ours: set[str]) -> Iterator[_Named]:
    """Everyone once, with what the report says up to the next one."""
    everyone: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines:
        address = "" if ASIDE.match(line) else _address(line, form, ours)
        if address and address not in everyone:
            everyone[address] = last = []
        if last is not None:
            last.append(line)
    for address, said in everyone.items():
        yield _Named(address, _saying(said, address))


def _address(line: str, form: re.Pattern[str], ours: set[str]) -> str:
    if "@" not in line:
        return ""
    found = form.match(line) if form is ALONE else form.search(line)
    address = found[1].rstrip(".").lower() if found else ""
    return "" if address in ours or address.partition("@")[0] in NOBODY else address


def _saying(lines: list[str], address: str) -> str:
    """Up to a blank line, unless nothing but the address stands before it."""
    said = ""
    for line in lines:
        bare = line.strip(" \t<>\"':;,.*-()[]")
        if said and (not bare or line.lstrip().startswith("---")):
            break
        if bare.lower() != address:
            said = f"{said} {line}".strip()
    if said.lower().lstrip("<").startswith(address):
        said = said.lstrip("<")[len(address) :].lstrip(" >:;,.-")
    return " ".join(said.split())[:LONGEST_SAYING]


def _status(said: str) -> str:
    found = STATUS.search(said)
    return found[1] if found else ""
