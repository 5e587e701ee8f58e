"""Which ticket does this mail answer?

Two proofs are needed: something that names the ticket, and a sender who takes part in it. The strongest name is tried
first; one whose sender takes no part only leaves a hint for the agents, because numbers and message ids leak. So does
one whose sender our own mail server calls forged.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.kernel.channel import Facts
from mailchannel.kernel.decisions import NO_THREAD, Ruling, Step, Thread
from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.authentication import UNKNOWN, Authentication, SenderVerdict


def match_thread(mail: ParsedMail, facts: Facts, sender: Authentication = UNKNOWN) -> Ruling[Thread]:
    """`sender` says whether the sender's domain is proven, disproven or, as with most mail, neither."""
    steps: list[Step] = []
    related = ""
    for code, number, named_by in _names(mail, facts):
        refusal = _no_part_in(mail, facts, number) or _forged(mail, sender, number)
        steps.append(Step("thread", code, "refuse" if refusal else "pass", refusal or f"{named_by} names {number}"))
        if not refusal:
            return Ruling(Thread(number), tuple(steps))
        related = related or (number if number in facts.tickets else "")
    steps.append(Step("thread", "new", "pass", "nothing in the mail leads to a ticket its sender takes part in"))
    return Ruling(Thread(related=related) if related else NO_THREAD, tuple(steps))


def _names(mail: ParsedMail, facts: Facts) -> Iterator[tuple[str, str, str]]:
    """(step code, ticket number, what named it), strongest proof first."""
    for ancestor in mail.ancestors:
        if ancestor in facts.signed_ids:
            yield "signed_id", facts.signed_ids[ancestor], f"our mail {ancestor}"
    for address, number in facts.reply_addresses.items():
        yield "reply_address", number, f"the address {address}"
    for ancestor in mail.ancestors:
        if ancestor in facts.known_ids:
            yield "known_id", facts.known_ids[ancestor], f"the earlier mail {ancestor}"
    if facts.subject_tag:
        yield "subject_tag", facts.subject_tag, "the subject"


def _no_part_in(mail: ParsedMail, facts: Facts, number: str) -> str:
    ticket = facts.tickets.get(number)
    if ticket is None:
        return f"{number} does not exist any more"
    if mail.sender is None:
        return f"the sender is unreadable and cannot join {number}"
    if mail.sender.email not in ticket.participants:
        return f"{mail.sender.email} takes no part in {number}"
    return ""


def _forged(mail: ParsedMail, sender: Authentication, number: str) -> str:
    if sender.verdict is not SenderVerdict.FAIL or mail.sender is None:
        return ""
    return f"{mail.sender.email} takes part in {number}, but {sender.because}"
