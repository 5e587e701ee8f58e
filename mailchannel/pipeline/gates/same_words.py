from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.pipeline.gates import Finding, gate, passes, refuses

OPTIONS = (
    FieldSpec(
        "duplicate_window_minutes",
        "The same words again count as a duplicate for (minutes)",
        Kind.INTEGER,
        "Same sender, subject, text and files as a mail that opened a ticket so shortly before, though it was sent "
        "anew. 0: only the same message is a duplicate. Answers to tickets never are.",
        default=60,
        minimum=0,
        maximum=10_080,
    ),
)


def window(acceptance: Mapping[str, Any]) -> timedelta:
    """How far apart two mails with the same words may be; zero where nobody asks."""
    minutes = int(with_defaults(OPTIONS, acceptance)["duplicate_window_minutes"])
    return timedelta(minutes=0 if acceptance.get("allow_duplicates") else minutes)


@gate("same_words", "Not said just before", reason="duplicate.same_words", options=OPTIONS, guess=True)
def same_words(case: Case, options: Mapping[str, Any]) -> Finding:
    """A customer answers “yes” to two questions in an hour: answers may repeat themselves."""
    if case.is_reply:
        return passes(f"answers {case.thread.number}")
    if case.facts.same_words_as:
        return refuses(case.facts.same_words_as)
    asked = window(case.channel.acceptance)
    if not asked:
        return passes("the same words may come again")
    return passes(f"nothing with the same words opened a ticket within {asked // timedelta(minutes=1)} minutes")
