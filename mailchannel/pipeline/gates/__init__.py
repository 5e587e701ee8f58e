"""Gates: reasons not to turn a mail into a ticket.

A gate is pure and looks at the case alone, never at another gate, so their order cannot change what happens to a
mail. All of them always run: the trace shows every reason, not just the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.decisions import MILDEST_FIRST, Refusal, Ruling, Step
from mailchannel.kernel.registry import Registry
from mailchannel.kernel.specs import FieldSpec, with_defaults


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate saw. `because` is for people: it names the values that were compared."""

    refused: bool
    because: str


def passes(because: str) -> Finding:
    return Finding(False, because)


def refuses(because: str) -> Finding:
    return Finding(True, because)


Check = Callable[[Case, Mapping[str, Any]], Finding]


@dataclass(frozen=True, slots=True)
class Gate:
    """`reason` is the dotted code of a refusal (docs/reasons.md); its first part is the outcome."""

    code: str
    label: str
    reason: str
    check: Check
    options: tuple[FieldSpec, ...] = ()


GATES: Registry[Gate] = Registry(__name__)


def gate(code: str, label: str, *, reason: str, options: tuple[FieldSpec, ...] = ()) -> Callable[[Check], Check]:
    """Declares a gate. Option names are unique over all gates: they are the keys of `accept:` in `channel_config`."""

    def register(check: Check) -> Check:
        GATES.add(code, Gate(code, label, reason, check, options))
        return check

    return register


def acceptance_specs() -> tuple[FieldSpec, ...]:
    """Every option of every gate, for the wizard and `channel_config`."""
    return tuple(spec for each in GATES for spec in each.options)


def check_gates(case: Case) -> Ruling[Refusal | None]:
    """Runs all gates; the refusal that is mildest for the sender wins."""
    steps: list[Step] = []
    refusals: list[Refusal] = []
    for each in GATES:
        finding = each.check(case, with_defaults(each.options, case.channel.acceptance))
        steps.append(Step("gate", each.code, "refuse" if finding.refused else "pass", finding.because))
        if finding.refused:
            refusals.append(Refusal(each.reason, finding.because))
    mildest = min(refusals, key=lambda r: (MILDEST_FIRST.index(r.outcome), r.reason), default=None)
    return Ruling(mildest, tuple(steps))
