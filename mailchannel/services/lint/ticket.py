"""What a mail becomes: fields, files, types, and where the ticket goes."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.kernel.channel import MappingRule
from mailchannel.mapping.properties import FILES, PROPERTIES
from mailchannel.mapping.values import fit
from mailchannel.pipeline.file_rules import PROGRAMS
from mailchannel.pipeline.gates.too_large import limit
from mailchannel.services.lint.remark import Draft, Remark, named
from tickets.api import template_fields

STEP = "ticket"
#: What many mails do not have.
OFTEN_EMPTY = {"cc": "many mails have no Cc", "attachments": "many mails have no files", "date": "some have no date"}
#: Kind of a field → the properties that give it such a value.
FITTING = {
    "number": frozenset[str](),
    "boolean": frozenset[str](),
    "date": frozenset({"date"}),
    "email": frozenset({"sender", "to", "cc"}),
}
WORDS = {"body", "reply_text"}
LONG = frozenset({"body", "reply_text"})


def lost(draft: Draft) -> Iterator[Remark]:
    known = {field.key for field in template_fields(draft.server.template_id)}
    for row in draft.server.mappings.all():
        if row.field not in known:
            text = f"“Mapping”: the template has no field “{row.field}” any more, so its value goes nowhere."
            yield _remark("template", text)
        elif row.property and row.property not in PROPERTIES:
            text = f"“Mapping”: no mail has the property “{row.property}” that is to fill “{row.field}”."
            yield _remark(f"map-{row.field}-property", text)


def defaults(draft: Draft) -> Iterator[Remark]:
    for rule in draft.channel.mapping:
        problem = fit(rule.default, rule.kind, rule.choices).problem if rule.default.strip() else ""
        if problem:
            yield _remark(f"map-{rule.field}-default", f"Default value of “{rule.label}”: {problem}.")


def required(draft: Draft) -> Iterator[Remark]:
    for rule in draft.channel.mapping:
        if rule.required and not rule.default and rule.property in OFTEN_EMPTY:
            yield _remark(
                f"map-{rule.field}-property",
                f"“{rule.label}” is required, but {OFTEN_EMPTY[rule.property]}: give it a default value.",
            )


def unfitting(draft: Draft) -> Iterator[Remark]:
    for rule in draft.channel.mapping:
        if not rule.property or rule.property not in PROPERTIES:
            continue
        label = PROPERTIES[rule.property].label
        fitting = FITTING.get(rule.kind)
        if fitting is not None and rule.property not in fitting:
            text = f"“{rule.label}” takes a {rule.kind}, and “{label}” rarely is one: it will mostly stay empty."
            yield _remark(f"map-{rule.field}-property", text)
        elif rule.kind == "text" and rule.property in LONG:
            text = f"“{rule.label}” is one short line, so “{label}” is cut after 255 characters."
            yield _remark(f"map-{rule.field}-property", text)


def essentials(draft: Draft) -> Iterator[Remark]:
    """What a ticket is hardly worth opening without."""
    rules = {rule.field: rule for rule in draft.channel.mapping}
    if not draft.server.template_id:
        return
    if _fills(rules, "description") not in WORDS:
        yield _remark("map-description-property", "“Description” is not filled from the body: agents miss the words.")
    if _fills(rules, "requester") != "sender":
        text = "“Requester” is not filled from the sender address: answers go to somebody else."
        yield _remark("map-requester-property", text)
    if _fills(rules, "attachments") != FILES and not draft.server.attach_email:
        yield _remark("map-attachments-property", "“Attachments” are not filled from the mail: files are left out.")


def types(draft: Draft) -> Iterator[Remark]:
    chosen, own = draft.channel.whitelisted_types, draft.channel.ticket_type
    if chosen and own and own not in chosen:
        yield _remark(
            "whitelisted_types",
            f"“Whitelisted ticket types” lacks “{own}”: answers to the tickets this mailbox opens are ignored.",
        )


def files(draft: Draft) -> Iterator[Remark]:
    settings = draft.files
    most, whole = settings["attachment_max_mb"], limit(draft.accept) // 1_000_000
    if isinstance(most, int) and most > whole:
        text = f"“Maximum attachment size (MB)” is {most}, but no mail may be larger than {whole} MB."
        yield _remark("files-attachment_max_mb", text)
    rule, listed = settings["attachment_extension_rule"], [str(e) for e in settings["attachment_extensions"]]
    programs = sorted(PROGRAMS.intersection(listed))
    if rule == "allow" and programs:
        text = f"“Listed file types” lets programs in: {named(programs)}."
        yield _remark("files-attachment_extensions", text)
    if rule == "allow" and not listed:
        text = "“Listed file types” is empty, so “Only the listed ones” means all files, programs as well."
        yield _remark("files-attachment_extensions", text)
    if rule == "restrict" and listed and not programs:
        text = "“Listed file types” names no program: with a list of your own, programs such as exe are let in."
        yield _remark("files-attachment_extensions", text)


def routing(draft: Draft) -> Iterator[Remark]:
    settings = draft.routing
    for kind, label in (("service", "service"), ("process", "process")):
        many = "services" if kind == "service" else "processes"
        lines, switch = settings[f"{kind}_words"], settings[f"classify_{many}"]
        if switch and not lines:
            text = f"“Find the {label} by the subject” is on, but “Words and their {many}” is empty."
            yield _remark(f"route-{kind}_words", text)
        if lines and not switch:
            text = f"“Words and their {many}” has no effect while “Find the {label} by the subject” is off."
            yield _remark(f"route-classify_{many}", text)
        yield from _repeated(kind, many, lines)
    if settings["full_subject_match"] and not (settings["classify_services"] or settings["classify_processes"]):
        text = "“Only a whole subject counts” has no effect: neither services nor processes are found by the subject."
        yield _remark("route-full_subject_match", text)


def priorities(draft: Draft) -> Iterator[Remark]:
    rules = {rule.field: rule for rule in draft.channel.mapping}
    table = [draft.routing[f"priority_{level}"] for level in ("high", "normal", "low")]
    if _fills(rules, "priority") == "importance":
        if len(set(table)) == 1:
            text = f"“Mail of high importance” and all other mail become {table[0]}: importance changes nothing."
            yield _remark("route-priority_high", text)
    elif table != ["high", "normal", "low"]:
        text = "“Mail of high importance” has no effect: “Priority” is not filled from the importance."
        yield _remark("route-priority_high", text)


RULES = (lost, defaults, required, unfitting, essentials, types, files, routing, priorities)


def _repeated(kind: str, many: str, lines: list[str]) -> Iterator[Remark]:
    """The first line decides, so a word's second line never does."""
    seen: dict[str, str] = {}
    for line in lines:
        words, _, name = line.partition("=")
        for word in filter(None, (each.strip().casefold() for each in words.split(","))):
            if seen.setdefault(word, name.strip()) != name.strip():
                text = f"“Words and their {many}”: “{word}” stands for {seen[word]} already; the first line decides."
                yield _remark(f"route-{kind}_words", text)


def _fills(rules: dict[str, MappingRule], field: str) -> str:
    return rules[field].property if field in rules else ""


def _remark(field: str, text: str) -> Remark:
    return Remark(field, text, STEP)
