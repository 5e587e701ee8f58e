"""Signing in by OAuth: who has to, and settings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.models import SignIn
from mailchannel.network.way import SignInFailed
from mailchannel.services.lint.remark import Draft, Remark
from mailchannel.services.sign_in import consistency, rows
from mailchannel.services.sign_in.application import Application, by_token

STEP = "connection"
FIELD = {SignIn.Purpose.READING: "auth", SignIn.Purpose.SENDING: "sending_auth"}
WAITS = {SignIn.Purpose.READING: "no mail is read", SignIn.Purpose.SENDING: "no answer leaves"}


def contradictions(draft: Draft) -> Iterator[Remark]:
    for each in consistency.contradictions(draft.server):
        yield Remark(each.field, each.text, STEP)


def nobody(draft: Draft) -> Iterator[Remark]:
    """A person has to sign in once, and again when the provider says so."""
    for purpose in SignIn.Purpose:
        if not by_token(draft.server, purpose):
            continue
        try:
            application = Application.of(draft.server, purpose)
        except SignInFailed as error:
            yield Remark(FIELD[purpose], f"“Sign in” for {purpose.label}: {error}", STEP)
            continue
        row = rows.find(draft.server, purpose)
        if application.by_itself or application.pasted or (row and row.state == SignIn.State.CONNECTED):
            continue
        yield Remark(
            FIELD[purpose],
            f"Nobody has signed in at {application.provider}: {WAITS[purpose]} until somebody does.",
            STEP,
        )


RULES = (contradictions, nobody)
