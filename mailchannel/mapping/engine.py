"""The mapping rules applied to one mail: values for the ticket's fields, and a line of the trace for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mailchannel.kernel.channel import MappingRule
from mailchannel.kernel.decisions import Ruling, Step
from mailchannel.kernel.types import ParsedMail
from mailchannel.mapping.properties import FILES, PROPERTIES
from mailchannel.mapping.values import Fit, fit

STAGE = "map"


def map_fields(mail: ParsedMail, rules: Iterable[MappingRule]) -> Ruling[dict[str, Any]]:
    """A field that gets no value is left out. Never raises."""
    values: dict[str, Any] = {}
    steps: list[Step] = []
    for rule in rules:
        value, step = _files(mail, rule) if rule.kind == FILES else _field(mail, rule)
        steps.append(step)
        if value is not None:
            values[rule.field] = value
    return Ruling(values, tuple(steps))


def _field(mail: ParsedMail, rule: MappingRule) -> tuple[Any, Step]:
    """The property's value; failing that the default; failing that nothing."""
    found = PROPERTIES.get(rule.property)
    text = found.read(mail) if found else ""
    read = _fitting(text, rule)
    if found and read.value is not None:
        return read.value, _step(rule, rule.property, _said(f"filled from “{found.label}”", read))
    why = _why_not(rule, read)
    default = _fitting(rule.default, rule)
    if default.value is not None:
        return default.value, _step(rule, "default", _said(why, default))
    if rule.default.strip():
        why = f"{why}; the default does not fit either: {default.problem}"
    return None, _step(rule, "empty", f"{why}; there is no other value")


def _fitting(text: str, rule: MappingRule) -> Fit:
    return fit(text, rule.kind, rule.choices) if text.strip() else Fit()


def _why_not(rule: MappingRule, read: Fit) -> str:
    if not rule.property:
        return "the rule names a fixed value"
    if rule.property not in PROPERTIES:
        return f"there is no mail property “{rule.property}”"
    return read.problem or f"the mail has no “{PROPERTIES[rule.property].label}”"


def _files(mail: ParsedMail, rule: MappingRule) -> tuple[Any, Step]:
    """Files are handed on as they are; a default makes no sense for them."""
    if rule.property != FILES:
        return None, _step(rule, "empty", "the rule does not name the mail's attachments")
    number = len(mail.attachments)
    return mail.attachments or None, _step(rule, FILES, f"{number} file{'' if number == 1 else 's'}")


def _step(rule: MappingRule, verdict: str, because: str) -> Step:
    return Step(STAGE, rule.field, verdict, because)


def _said(why: str, result: Fit) -> str:
    return f"{why}; {result.note}" if result.note else why
