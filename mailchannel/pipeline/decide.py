"""The whole story of an incoming mail, top to bottom.

Pure: the same mail, channel and facts always give the same decision. Nothing here reads the database, the clock or
the network, so a dry run is simply a decision that nobody applies. Every stage always runs: the trace of a refused
mail also says what would have become of it.
"""

from __future__ import annotations

from mailchannel.kernel.channel import Case, Channel, Facts, MappingRule
from mailchannel.kernel.decisions import Decision, Draft, Outcome, Thread
from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.mapping.engine import map_fields
from mailchannel.pipeline.addressing import others
from mailchannel.pipeline.gates import check_gates
from mailchannel.pipeline.threads import match_thread


def decide(mail: ParsedMail, channel: Channel, facts: Facts) -> Decision:
    thread = match_thread(mail, facts)
    gates = check_gates(Case(mail, channel, facts, thread.value))
    fields = map_fields(mail, channel.mapping)
    trace = gates.steps + thread.steps + fields.steps
    draft = _draft(mail, channel, thread.value, fields.value)
    if gates.value:
        return Decision(gates.value.outcome, gates.value.reason, trace, draft)
    if thread.value.number:
        return Decision(Outcome.ADDED, "accepted.reply", trace, draft)
    return Decision(Outcome.OPENED, "accepted.new", trace, draft)


def _draft(mail: ParsedMail, channel: Channel, thread: Thread, values: dict[str, object]) -> Draft:
    return Draft(
        template=channel.template,
        ticket_type=channel.ticket_type,
        fields={**values, "title": values.get("title") or "(no subject)"},
        requester=mail.sender or Address("", mail.from_header),
        text=mail.text,
        html=mail.html if _shows_body(channel.mapping) else "",
        thread=thread,
        restricted=tuple(rule.field for rule in channel.mapping if rule.restricted),
        recipients=others((*mail.to, *mail.cc), channel.own_addresses | channel.other_mailboxes),
        attachments=mail.attachments if _keeps_files(channel.mapping) else (),
    )


def _shows_body(rules: tuple[MappingRule, ...]) -> bool:
    """The formatted body may be shown only where the description is the body."""
    return any(rule.field == "description" and rule.property == "body" for rule in rules)


def _keeps_files(rules: tuple[MappingRule, ...]) -> bool:
    return any(rule.field == "attachments" and rule.property for rule in rules)
