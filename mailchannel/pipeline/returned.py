"""Is this a report about a mail of ours? Then it belongs on that mail's ticket, whoever sends it.

A report comes from any mail server of the world, so its sender proves nothing. What proves it is the signed message id
of the mail that came back. The note it becomes is for agents and holds what the report says of each recipient, never
the report's own words: whoever knows an id of ours could have written those.
"""

from __future__ import annotations

from mailchannel.kernel.channel import Facts
from mailchannel.kernel.decisions import NO_THREAD, Ruling, Step, Thread
from mailchannel.kernel.types import DeliveryReport, FailedRecipient, ParsedMail

MOST_RECIPIENTS = 20
LONGEST_SAYING = 300  # characters


def match_report(mail: ParsedMail, facts: Facts) -> Ruling[Thread]:
    """The ticket whose mail this one reports about. No steps for a mail that is no report."""
    if mail.report is None:
        return Ruling(NO_THREAD)
    for original in mail.report.original_ids:
        number = facts.reported.get(original, "")
        if number in facts.tickets:
            step = Step("report", "signed_id", "pass", f"it reports about our mail {original}, which names {number}")
            return Ruling(Thread(number), (step,))
    step = Step("report", "signed_id", "none", "the mail it reports about is none of ours, or not named")
    return Ruling(NO_THREAD, (step,))


def report_in_words(report: DeliveryReport) -> str:
    """What an agent reads: who was not reached, why, and whether it is still being tried."""
    lines = [_line(each) for each in report.recipients[:MOST_RECIPIENTS]]
    more = len(report.recipients) - len(lines)
    if more:
        lines.append(f"{more} more recipients are named in the original mail.")
    return "\n".join(lines) or "A mail of this ticket came back. The report does not say which recipient it is about."


def _line(recipient: FailedRecipient) -> str:
    who = recipient.address or "A recipient"
    if recipient.for_good:
        told = f"{who} was not reached, and it will not be tried again."
    elif recipient.action in ("delivered", "relayed", "expanded"):
        told = f"{who} was reached."
    else:
        told = f"{who} was not reached so far; it will be tried again."
    said = " ".join(filter(None, (recipient.status, recipient.said)))[:LONGEST_SAYING]
    return f"{told} The mail server said: {said}" if said else told
