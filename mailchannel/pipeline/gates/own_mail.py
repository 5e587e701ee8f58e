from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.compose.headers import LOOP_HEADER
from mailchannel.kernel.channel import Case
from mailchannel.pipeline.addressing import is_ours
from mailchannel.pipeline.gates import Finding, gate, passes, refuses


@gate("own_mail", "Not our own mail", reason="ignored.own_mail")
def own_mail(case: Case, options: Mapping[str, Any]) -> Finding:
    """Mail from any of our mailboxes, or with our loop mark, would answer itself for ever."""
    ours = case.channel.own_addresses | case.channel.other_mailboxes
    sender = case.mail.sender.email if case.mail.sender else ""
    if sender and is_ours(sender, ours):
        return refuses(f"{sender} is one of our own mailboxes")
    mark = case.mail.header(LOOP_HEADER).strip().lower()
    if mark and is_ours(mark, ours):
        return refuses(f"{LOOP_HEADER} says that {mark} sent it")
    return passes(f"{sender or 'the sender'} is none of our {len(ours)} addresses")
