"""What leaves the house: answers, confirmations, and word to the team."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailchannel.services import sent_copy
from mailchannel.services.leaving import lacking
from mailchannel.services.lint.remark import Draft, Remark

PLACEHOLDERS = frozenset({"number", "title", "name"})
_BRACES = re.compile(r"\{([^{}\n]{1,40})\}")


def sending(draft: Draft) -> Iterator[Remark]:
    missing = lacking(draft.server.sending_protocol, draft.server.sending)
    if missing is None:
        return
    text = f"“{missing.label}” for sending is empty: agents' answers never leave."
    yield Remark(f"sending-{missing.name}", text, "connection")
    if draft.confirmation["send_confirmation"]:
        text = "“Confirm every new ticket to its sender” is on, but no host for sending is set up: nothing is sent."
        yield _remark("confirm-send_confirmation", text)


def copies(draft: Draft) -> Iterator[Remark]:
    if sent_copy.wanted(draft.server) and not sent_copy.possible(draft.server):
        yield Remark(
            "sending-keep_copy",
            "“Keep a copy in the Sent folder” is on, but only a mailbox that is read by IMAP takes one: none is kept.",
            "connection",
        )


def words(draft: Draft) -> Iterator[Remark]:
    if not draft.confirmation["send_confirmation"]:
        return
    text = str(draft.confirmation["confirmation_text"])
    if "{number}" not in text:
        yield _remark(
            "confirm-confirmation_text",
            "“Words of the confirmation” lacks {number}: customers do not learn what their ticket is called.",
        )
    for name in dict.fromkeys(_BRACES.findall(text)):
        if name not in PLACEHOLDERS:
            said = f"“Words of the confirmation” has {{{name}}}, which stands for nothing and is sent as it is."
            yield _remark("confirm-confirmation_text", said)


def machines(draft: Draft) -> Iterator[Remark]:
    if draft.confirmation["send_confirmation"] and not draft.accept["exclude_auto_replies"]:
        yield Remark(
            "accept-exclude_auto_replies",
            "“Leave automatic mail out” is off while new tickets are confirmed: out-of-office notices about the "
            "confirmations join their tickets or become new ones.",
            "senders",
        )


def team(draft: Draft) -> Iterator[Remark]:
    told = draft.files["notify_stripped"] or draft.trouble["notify_failed"]
    if told and not draft.server.alert_to.exists():
        yield _remark("alert_to", "“The team to tell” is empty: nobody is told of failed mail or of files left out.")


RULES = (sending, copies, words, machines, team)


def _remark(field: str, text: str) -> Remark:
    return Remark(field, text, "answers")
