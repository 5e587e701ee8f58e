"""Gates: reasons not to turn a mail into a ticket.

A gate is pure and looks at the case alone, never at another gate, so it does not matter which runs first. All of them
always run: the trace shows every reason, not just the first.

Who may write is asked in four stages: the block list, the allow list, people nobody knows, new tickets. They come first
in the trace, in this order, and of several equally mild reasons the one of the earliest stage is told.
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
LAST = 100


@dataclass(frozen=True, slots=True)
class Gate:
    """`reason` is the dotted code of a refusal (docs/reasons.md); its first part is the outcome.

    `order` is the place in the trace; only the stages of the question who may write have one of their own. A `guess`
    decides only where no other gate refuses.
    """

    code: str
    label: str
    reason: str
    check: Check
    options: tuple[FieldSpec, ...] = ()
    order: int = LAST
    guess: bool = False


GATES: Registry[Gate] = Registry(__name__)


def gate(
    code: str,
    label: str,
    *,
    reason: str,
    options: tuple[FieldSpec, ...] = (),
    order: int = LAST,
    guess: bool = False,
) -> Callable[[Check], Check]:
    """Declares a gate. Option names are unique over all gates: they are the keys of `accept:` in `channel_config`."""

    def register(check: Check) -> Check:
        GATES.add(code, Gate(code, label, reason, check, options, order, guess))
        return check

    return register


def in_order() -> list[Gate]:
    return sorted(GATES, key=lambda each: (each.order, each.code))


def acceptance_specs() -> tuple[FieldSpec, ...]:
    """Every option of every gate, for the wizard and `channel_config`."""
    return tuple(spec for each in in_order() for spec in each.options)


def check_gates(case: Case) -> Ruling[Refusal | None]:
    """Runs all gates; the refusal that is mildest for the sender wins."""
    steps: list[Step] = []
    refusals: list[tuple[Gate, Refusal]] = []
    for each in in_order():
        finding = each.check(case, with_defaults(each.options, case.channel.acceptance))
        steps.append(Step("gate", each.code, "refuse" if finding.refused else "pass", finding.because))
        if finding.refused:
            refusals.append((each, Refusal(each.reason, finding.because)))
    return Ruling(min(refusals, key=_rank)[1] if refusals else None, tuple(steps))


def _rank(found: tuple[Gate, Refusal]) -> tuple[bool, int]:
    by, refusal = found
    return by.guess, MILDEST_FIRST.index(refusal.outcome)
