"""Signing in by OAuth: who has to, and settings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.models import SignIn
from mailchannel.network.way import SignInFailed
from mailchannel.services.lint.remark import Draft, Remark
from mailchannel.services.sign_in import consistency
from mailchannel.services.sign_in.waiting import waits_at

STEP = "connection"
FIELD = {SignIn.Purpose.READING: "auth", SignIn.Purpose.SENDING: "sending_auth"}
WAITS = {SignIn.Purpose.READING: "no mail is read", SignIn.Purpose.SENDING: "no answer leaves"}


def contradictions(draft: Draft) -> Iterator[Remark]:
    for each in consistency.contradictions(draft.server):
        yield Remark(each.field, each.text, STEP)


def nobody(draft: Draft) -> Iterator[Remark]:
    """A person has to sign in once, and again when the provider says so."""
    for purpose in SignIn.Purpose:
        try:
            provider = waits_at(draft.server, purpose)
        except SignInFailed as error:
            yield Remark(FIELD[purpose], f"“Sign in” for {purpose.label}: {error}", STEP)
            continue
        if provider:
            text = f"Nobody has signed in at {provider}: {WAITS[purpose]} until somebody does."
            yield Remark(FIELD[purpose], text, STEP)


RULES = (contradictions, nobody)
