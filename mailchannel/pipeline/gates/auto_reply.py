from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.parsing.automatic import automatic
from mailchannel.pipeline.addressing import first_match
from mailchannel.pipeline.gates import Finding, gate, passes, refuses
from mailchannel.pipeline.subject_words import folded


@gate(
    "auto_reply",
    "Not automatic",
    reason="ignored.auto_reply",
    options=(
        FieldSpec(
            "exclude_auto_replies",
            "Leave automatic mail out",
            Kind.SWITCH,
            "Out-of-office notices and other mail a machine sent, recognised by its headers.",
            default=True,
        ),
        FieldSpec(
            "auto_reply_words",
            "Also leave out",
            Kind.LINES,
            "One a line: words in the subject, a sender such as robot@example.com or noreply@*, or everybody at a "
            "domain as *@ads.example.",
            default=(),
        ),
    ),
)
def auto_reply(case: Case, options: Mapping[str, Any]) -> Finding:
    listed = _listed(case, options["auto_reply_words"])
    if listed:
        return refuses(listed)
    if case.mail.report:
        return passes("it is a delivery report, which another gate judges")
    why = automatic(case.mail)
    if not why:
        return passes(f"no sign of a machine, none of {len(options['auto_reply_words'])} entries of the list")
    if not options["exclude_auto_replies"]:
        return passes(f"{why}, but automatic mail is welcome here")
    return refuses(why)


def _listed(case: Case, entries: tuple[str, ...]) -> str:
    sender = case.mail.sender.email if case.mail.sender else ""
    by = first_match(sender, [entry for entry in entries if "@" in entry])
    if by:
        return f"{sender} is on the list of automatic senders" + (f" as {by}" if by != sender else "")
    subject = folded(case.mail.subject)
    word = next((each for each in entries if "@" not in each and each.strip() and folded(each) in subject), "")
    return f"the subject contains “{word}”" if word else ""
