"""Mails that programs send about a mail of ours: read receipts, complaints, and questions whether we are people."""

from __future__ import annotations

import re

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.bounces import null_return_path, passed_on, report_type
from mailchannel.parsing.notice_words import CHALLENGE_SUBJECT, RECEIPT_SUBJECT, RECEIPT_TEXT
from mailchannel.parsing.plain_words import plain

#: Services whose business it is to ask senders for a confirmation, and the names under which such programs write.
CHALLENGER = re.compile(
    r"[@.](spamarrest\.com|boxbe\.com|bluebottle\.com|mailblocks\.com|knowspam\.net|sendio\.com)$"
    r"|(anti-?spam|challenge|(sender|mail|message)[-_]?(verif|confirm)\w{0,10})[\w.+-]{0,60}@"
)
#: Their headers. The ordinary mails of people who use such a filter have them too.
CHALLENGE_HEADERS = ("x-tmda", "x-boxbe", "x-spamarrest", "x-uol", "x-challenge")
RECEIPT_TYPES = ("message/disposition-notification", "message/global-disposition-notification")
BEGINNING = 1_500  # characters
LONGEST_RECEIPT = 4_000  # characters: who writes more has something to say


def receipt(mail: ParsedMail) -> str:
    """It tells that a mail of ours was read, or deleted unread (RFC 8098)."""
    if mail.content_type == "multipart/report":
        told = any(part.content_type in RECEIPT_TYPES for part in mail.parts)
        return "a read receipt" if told or report_type(mail) == "disposition-notification" else ""
    if len(mail.text) > LONGEST_RECEIPT or RECEIPT_SUBJECT.match(plain(mail.subject[:100])) is None:
        return ""
    text = plain(mail.text[:BEGINNING])
    said = next((words for words in RECEIPT_TEXT if words in text), "")
    return f"the subject “{mail.subject[:80]}” together with “{said}”" if said else ""


def feedback(mail: ParsedMail) -> str:
    """A mail service tells that somebody marked a mail of ours as spam (RFC 5965)."""
    if mail.content_type != "multipart/report":
        return ""
    told = any(part.content_type == "message/feedback-report" for part in mail.parts)
    return "a feedback report (RFC 5965)" if told or report_type(mail) == "feedback-report" else ""


def challenge(mail: ParsedMail) -> str:
    """A spam filter asks the sender to confirm. People ask for that too: their subject alone proves nothing."""
    sign = _machine(mail)
    if not sign or passed_on(mail) or CHALLENGE_SUBJECT.match(plain(mail.subject[:300])) is None:
        return ""
    return f"the subject “{mail.subject[:80]}” together with {sign}"


def _machine(mail: ParsedMail) -> str:
    if mail.sender and CHALLENGER.search(mail.sender.email):
        return f"the sender {mail.sender.email}"
    header = next((name for name in mail.headers if name.startswith(CHALLENGE_HEADERS)), "")
    if header or "tmda" in mail.header("x-delivery-agent").lower():
        return f"the header {header or 'X-Delivery-Agent'}"
    if mail.header("auto-submitted").strip().lower() not in ("", "no"):
        return f"Auto-Submitted: {mail.header('auto-submitted')[:80]}"
    return "an empty Return-Path" if null_return_path(mail) else ""
