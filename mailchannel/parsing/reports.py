"""What a delivery report says: which recipients it is about, and about which mail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailchannel.kernel.types import DeliveryReport, FailedRecipient, ParsedMail, Part, PartKind
from mailchannel.parsing.bounces import HEADER_TYPES, STATUS_TYPES, bounce
from mailchannel.parsing.header_block import HeaderBlock, read_headers
from mailchannel.parsing.limits import DEFAULT
from mailchannel.parsing.report_text import action_in, recipients_in
from mailchannel.parsing.words import readable

MESSAGE_ID = re.compile(r"<\s*([^<>\s]{1,998})\s*>")
#: In the text of a report, where servers quote the headers of the mail, also behind quote marks.
QUOTED_ID = re.compile(r"^[\s>|*]{0,20}(?:x-)?(?:original-)?message-id\s*:\s*<\s*([^<>\s]{1,998})\s*>", re.I | re.M)
ADDRESS = re.compile(r"[^\s<>,;]{1,320}@[^\s<>,;]{1,253}")
STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
#: How a character that is no plain ASCII is written in an address of a report (RFC 6533, 3).
UNITEXT = re.compile(r"\\x\{([0-9a-fA-F]{2,6})\}")
XTEXT = re.compile(r"\+([0-9A-F]{2})")
ACTIONS = {"fail": "failed", "delay": "delayed", "deliver": "delivered", "relay": "relayed", "expand": "expanded"}
VISIBLE = re.compile(rb"[^\r\n]")
LONGEST_SAYING = 500  # characters
LONGEST_STATUS = 500_000  # bytes
LONGEST_QUOTE = 100_000  # characters
MOST_PARTS = 10  # a report has one
MOST_GROUPS = 500
MOST_RECIPIENTS = 200
MOST_IDS = 10


def read_report(mail: ParsedMail) -> DeliveryReport | None:
    """None for a mail that is no delivery report."""
    sign = bounce(mail)
    return DeliveryReport(sign, _recipients(mail), _original_ids(mail)) if sign else None


def _recipients(mail: ParsedMail) -> tuple[FailedRecipient, ...]:
    """As the report states them for machines; otherwise as its header and its text name them."""
    status = [part for part in mail.parts if part.content_type in STATUS_TYPES][:MOST_PARTS]
    stated = [each for part in status for each in _stated(part.content)]
    if stated:
        return tuple(dict.fromkeys(stated))[:MOST_RECIPIENTS]
    told = recipients_in(mail)
    named = dict.fromkeys(found.lower() for found in ADDRESS.findall(mail.header("x-failed-recipients")[:20_000]))
    if not named:
        return told
    by_address = {each.address: each for each in told}
    action = action_in(mail)
    return tuple(by_address.get(each) or FailedRecipient(each, action) for each in named)[:MOST_RECIPIENTS]


def _stated(content: bytes) -> Iterator[FailedRecipient]:
    """The groups of fields after the first one, which is about the mail as a whole (RFC 3464, 2.1)."""
    at, end = 0, min(len(content), LONGEST_STATUS)
    for _ in range(MOST_GROUPS):
        begin = VISIBLE.search(content, at, end)
        if begin is None:
            return
        group = read_headers(content, begin.start(), end, DEFAULT)
        recipient = _recipient(group)
        if recipient:
            yield recipient
        at = group.body if group.body > begin.start() else _next_line(content, begin.start(), end)


def _next_line(content: bytes, at: int, end: int) -> int:
    """Behind a line that is no field, the next one may be one."""
    found = content.find(b"\n", at, end)
    return end if found < 0 else found + 1


def _recipient(group: HeaderBlock) -> FailedRecipient | None:
    """The address the mail was sent to is the one people know; servers may have rewritten it on the way."""
    given = [_typed(group, name) for name in ("original-recipient", "final-recipient", "x-actual-recipient")]
    address = next((each for each in map(_address, given) if each), "")
    said = _typed(group, "diagnostic-code")
    stated = _field(group, "action").lower()
    action = next((name for begin, name in ACTIONS.items() if stated.startswith(begin)), "")
    status = STATUS.search(_field(group, "status")) or STATUS.search(said)
    if not address and not action:
        return None
    return FailedRecipient(address, action, status[0] if status else "", said[:LONGEST_SAYING])


def _field(group: HeaderBlock, name: str) -> str:
    return " ".join(readable(group.first(name)[:4_000]).split())


def _typed(group: HeaderBlock, name: str) -> str:
    """`rfc822; bo@client.example` without its type. Some servers leave the type out."""
    kind, sign, value = _field(group, name).partition(";")
    return value.strip() if sign and " " not in kind.strip() else f"{kind}{sign}{value}".strip()


def _address(text: str) -> str:
    if "@" not in text:
        text = XTEXT.sub(lambda found: _character(int(found[1], 16)), text)
    text = UNITEXT.sub(lambda found: _character(int(found[1], 16)), text)
    found = ADDRESS.search(text[:1_000])
    return found[0].lower().strip("\"'()[]") if found else ""


def _character(number: int) -> str:
    """Nothing that could not be stored or would end a line."""
    character = chr(number) if number < 0x110000 else ""
    return character if character.isprintable() else ""


def _original_ids(mail: ParsedMail) -> tuple[str, ...]:
    """First the headers of the mail that came back, then what the text quotes of them, then what the report answers."""
    ids = [found for part in mail.parts if _shows_original(part) for found in _id_in(part.content)]
    ids += QUOTED_ID.findall(mail.text[:LONGEST_QUOTE])[:MOST_IDS]
    return tuple(dict.fromkeys([*ids, *mail.ancestors]))[:MOST_IDS]


def _shows_original(part: Part) -> bool:
    return part.kind is PartKind.MESSAGE or part.content_type in HEADER_TYPES


def _id_in(content: bytes) -> list[str]:
    start = len(content) - len(content.lstrip(b"\r\n"))
    block = read_headers(content, start, len(content), DEFAULT)
    return MESSAGE_ID.findall(readable(block.first("message-id")[:4_000]))
