"""The whole story of an incoming mail, top to bottom.

Pure: the same mail, channel and facts always give the same decision. Nothing here reads the database, the clock or
the network, so a dry run is simply a decision that nobody applies. Every stage always runs: the trace of a refused
mail also says what would have become of it.
"""

from __future__ import annotations

from mailchannel.kernel.channel import Case, Channel, Facts, MappingRule
from mailchannel.kernel.decisions import Decision, Draft, FileRuling, Outcome, Thread, Verdict
from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.mapping.engine import map_fields
from mailchannel.parsing.quotes import new_words
from mailchannel.pipeline.addressing import others
from mailchannel.pipeline.files import judge_files
from mailchannel.pipeline.gates import check_gates
from mailchannel.pipeline.gates.authentication import authenticated
from mailchannel.pipeline.returned import match_report
from mailchannel.pipeline.routing import Route, route
from mailchannel.pipeline.threads import match_thread

#: A report about a mail of ours comes from whatever server it comes from: only these gates end it before it is told.
BEFORE_REPORTS = frozenset({"duplicate", "before_start"})
REPORTED = "accepted.bounce"


def decide(mail: ParsedMail, channel: Channel, facts: Facts) -> Decision:
    thread = match_thread(mail, facts, authenticated(mail, channel.acceptance))
    gates = check_gates(Case(mail, channel, facts, thread.value))
    fields = map_fields(mail, channel.mapping)
    files = judge_files(mail, channel)
    returned = match_report(mail, facts)
    joins = returned.value if returned.value.number else thread.value
    routed = route(mail, channel, joins)
    trace = gates.steps + returned.steps + thread.steps + fields.steps + routed.steps + files.steps
    draft = _draft(mail, channel, joins, _prioritised(fields.value, routed.value), routed.value, files.value)
    ended = any(step.verdict == "refuse" and step.code in BEFORE_REPORTS for step in gates.steps)
    if returned.value.number and not ended:
        return Decision(Outcome.ADDED, REPORTED, trace, draft)
    if gates.value:
        return Decision(gates.value.outcome, gates.value.reason, trace, draft)
    if thread.value.number:
        return Decision(Outcome.ADDED, "accepted.reply", trace, draft)
    return Decision(Outcome.OPENED, "accepted.new", trace, draft)


def _prioritised(values: dict[str, object], routed: Route) -> dict[str, object]:
    return {**values, "priority": routed.priority} if routed.priority else values


def _draft(
    mail: ParsedMail,
    channel: Channel,
    thread: Thread,
    values: dict[str, object],
    routed: Route,
    manifest: tuple[FileRuling, ...],
) -> Draft:
    return Draft(
        template=channel.template,
        ticket_type=channel.ticket_type,
        fields={**values, "title": values.get("title") or "(no subject)"},
        requester=mail.sender or Address("", mail.from_header),
        text=mail.text,
        fresh=new_words(mail),
        html=mail.html if _shows_body(channel.mapping) else "",
        thread=thread,
        department=routed.department,
        service=routed.service,
        process=routed.process,
        restricted=tuple(rule.field for rule in channel.mapping if rule.restricted),
        recipients=others((*mail.to, *mail.cc), channel.own_addresses | channel.other_mailboxes),
        attachments=tuple(each.part for each in manifest if each.verdict in (Verdict.KEPT, Verdict.INLINE)),
        manifest=manifest,
    )


def _shows_body(rules: tuple[MappingRule, ...]) -> bool:
    """The formatted body may be shown only where the description is the body."""
    return any(rule.field == "description" and rule.property == "body" for rule in rules)
