"""A person's word stands above the gates: what becomes of a mail that somebody accepts although it was refused."""

from __future__ import annotations

from dataclasses import replace

from mailchannel.kernel.decisions import Decision, Outcome, Step

RELEASED = "accepted.released"


def released(decision: Decision, by: str) -> Decision:
    """The same mail as a ticket, or in the ticket it answers. `by` empty: nobody overruled anything.

    The gates' words stay in the trace; only their verdict does not count.
    """
    if not by or decision.draft is None or decision.outcome in (Outcome.OPENED, Outcome.ADDED):
        return decision
    outcome = Outcome.ADDED if decision.draft.thread.number else Outcome.OPENED
    step = Step("person", "accepted", "pass", f"{by} accepted it, although: {decision.reason}")
    return replace(decision, outcome=outcome, reason=RELEASED, trace=(step, *decision.trace))
