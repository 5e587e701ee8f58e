"""May a machine write to the sender of this mail? Only to people, and never in a circle (RFC 3834)."""

from __future__ import annotations

import re
from collections.abc import Collection

from mailchannel.compose.headers import LOOP_HEADER, read_message_id
from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.authentication import UNKNOWN, Authentication, SenderVerdict
from mailchannel.parsing.automatic import automatic, bounce, bulk
from mailchannel.parsing.bounces import null_return_path
from mailchannel.pipeline.addressing import is_ours

#: Addresses nobody reads, by what stands before the @.
NOBODY = re.compile(
    r"(?:.{0,40}[._+-])?(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|nao-?responda|ne-?pas-?repondre)"
    r"(?:[._+-].{0,64})?|(?:mailer-?daemon|postmaster|bounces?|autoresponder|nobody|null|listserv|majordomo)"
    r"(?:[._+=-].{0,200})?|(?:owner-.{1,64}|.{1,64}-(?:owner|request|bounces?))",
    re.IGNORECASE,
)
#: The prefix of the ids of agents' answers; every other mail of ours was written by the program.
BY_AN_AGENT = "n"
_WISHES = frozenset({"all", "autoreply", "oof"})


def may_write_to_sender(mail: ParsedMail, ours: Collection[str], sender: Authentication = UNKNOWN) -> str:
    """Why no automatic mail may go to the sender, in words for the trace; empty when one may."""
    if mail.sender is None:
        return "its sender is unreadable"
    if sender.verdict is SenderVerdict.FAIL:
        return sender.because
    return (
        _machine(mail)
        or _nobody(mail.sender.email, ours)
        or ("it carries the mark of our own mail" if mail.header(LOOP_HEADER) else "")
        or ("it answers an automatic mail of ours" if _answers_a_notice(mail) else "")
    )


def _machine(mail: ParsedMail) -> str:
    if null_return_path(mail):
        return "its return path is empty"
    wishes = {each.strip().lower() for each in mail.header("x-auto-response-suppress")[:500].split(",")}
    asked = "its sender asks for no automatic answer (X-Auto-Response-Suppress)" if wishes & _WISHES else ""
    return automatic(mail) or bulk(mail) or bounce(mail) or asked


def _nobody(sender: str, ours: Collection[str]) -> str:
    if is_ours(sender, ours):
        return f"{sender} is one of our own mailboxes"
    local = sender.rpartition("@")[0]
    return f"nobody reads {sender}" if NOBODY.fullmatch(local[:320]) else ""


def _answers_a_notice(mail: ParsedMail) -> bool:
    claims = filter(None, map(read_message_id, mail.in_reply_to))
    return any(not claim.mail.startswith(BY_AN_AGENT) for claim in claims)
