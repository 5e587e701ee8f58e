"""Is this mail a report that another one could not be delivered? A report that a person forwards is none."""

from __future__ import annotations

import re

from mailchannel.kernel.types import ParsedMail, PartKind

DAEMON = re.compile(
    r"(mailer|mail)[-_. ]?daemon|postmaster\b|mdaemon|mail[-_. ]?delivery[-_. ]?(sub)?(system|service)"
    r"|mail (administrator|system)\b|e-?mail virus ?wall|antivirus",
    re.IGNORECASE,
)
UNDELIVERED = re.compile(
    r"undeliver|delivery (status|failure|has failed|problem|error|report|notification|warning|delayed|incomplete)"
    r"|(mail|messages?) (delivery|not delivered|delayed|could not be delivered|returned|failed|system error|error)"
    r"|delayed mail|failure notice|failed (mail|delivery)|deliver(y|ed)? fail|delivery failed|processing error"
    r"|returned (mail|to sender|message|email)|automatically rejected|(user|address|recipient) unknown|unknown user"
    r"|non[- ]?delivery|nondeliverable|unzustellbar|nicht zustellbar|unable to deliver|could not be delivered"
    r"|could not send message|mail failure|mail (status|system) report|mailbox (is )?full|over quota"
    r"|non remis|échec de (la )?remise|no se puede entregar|impossibile recapitare|não (foi )?entreg|onbestelbaar",
    re.IGNORECASE,
)
#: How mail servers begin their reports. A person who quotes one begins with a word of his own, or with a header block.
OPENING = re.compile(
    r"\W*(this (message|report|is).{0,40}(created automatically|mail delivery|automatically generated delivery)"
    r"|hi\. this is the .{0,60}(program|server)|(a|your|this|the) (following )?(mail|message|e-?mail)s?\b.{0,200}"
    r"(could not|can ?not|was not|has not been|did not|wasn't|undeliver|not be|has been) ?(be )?(deliver|reach|return)"
    r"|i'm (afraid|sorry).{0,60}(deliver|inform)|unable to deliver|could not deliver|(failed|intended) recipient"
    r"|delivery (to|of) (the|e-?mail).{0,80}(fail|postponed|delayed)|non-delivery report"
    r"|(the|your) (original )?message.{0,200}(undeliverable|could not be delivered)"
    r"|votre message n'a pas pu|ihre nachricht.{0,80}nicht zugestellt)",
    re.IGNORECASE | re.DOTALL,
)
ANSWERED = re.compile(r"\s*(re|aw|fw|fwd|wg|tr|rv)\s*:", re.IGNORECASE)
OPENING_STANDS_IN = 600  # characters


def bounce(mail: ParsedMail) -> str:
    """The sign of a delivery report, in words for the trace; empty: it is none."""
    return _delivery_report(mail) or _failed_recipients(mail) or _signs(mail)


def report_type(mail: ParsedMail) -> str:
    """`delivery-status` and the like (RFC 6522), for a mail that as a whole is a report."""
    found = re.search(r"report-type\s*=\s*\"?\s*([\w-]+)", mail.header("content-type")[:2000], re.IGNORECASE)
    return found[1].lower() if found and mail.content_type == "multipart/report" else ""


def null_return_path(mail: ParsedMail) -> bool:
    return mail.header("return-path").replace(" ", "") == "<>"


def _delivery_report(mail: ParsedMail) -> str:
    if mail.content_type != "multipart/report":
        return ""
    status = any(a.kind is PartKind.REPORT and a.content_type == "message/delivery-status" for a in mail.attachments)
    return "a delivery report (RFC 3464)" if status or report_type(mail) == "delivery-status" else ""


def _failed_recipients(mail: ParsedMail) -> str:
    return "it has the header X-Failed-Recipients" if mail.header("x-failed-recipients") else ""


def _signs(mail: ParsedMail) -> str:
    """Two signs of four, where the words of an answer or a forward count for nothing."""
    daemon = DAEMON.search(mail.from_header) or DAEMON.search(mail.header("return-path"))
    opening = OPENING.match(mail.text[:OPENING_STANDS_IN])
    spoken = ANSWERED.match(mail.subject) is None
    signs = [
        ("an empty Return-Path", null_return_path(mail)),
        (f"it comes from {mail.from_header[:80]}", daemon is not None),
        (f"the subject “{mail.subject[:80]}”", spoken and UNDELIVERED.search(mail.subject) is not None),
        (f"it begins “{' '.join(opening[0].split())[:80] if opening else ''}”", spoken and opening is not None),
    ]
    seen = [words for words, there in signs if there]
    return " and ".join(seen) if len(seen) > 1 else ""
