from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailchannel.kernel.channel import Case
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.authentication import Authentication, SenderVerdict, read_verdict
from mailchannel.pipeline.gates import Finding, gate, passes, refuses

OPTIONS = (
    FieldSpec(
        "trusted_authentication_server",
        "Trusted to check senders",
        Kind.TEXT,
        "How your own mail server calls itself at the beginning of the Authentication-Results header, such as "
        "mx.example.com. Mail it calls forged joins no ticket. Empty: nobody is trusted, nothing is checked.",
    ),
    FieldSpec(
        "hold_failed_authentication",
        "Hold forged mail",
        Kind.SWITCH,
        "Mail that server calls forged waits for somebody to look at it instead of opening a ticket.",
        default=False,
    ),
)


def authenticated(mail: ParsedMail, acceptance: Mapping[str, Any]) -> Authentication:
    """What the mail server that these settings trust says of the sender."""
    return read_verdict(mail, str(with_defaults(OPTIONS, acceptance)["trusted_authentication_server"]))


@gate("authentication", "Sender not forged", reason="held.auth", options=OPTIONS)
def authentication(case: Case, options: Mapping[str, Any]) -> Finding:
    found = authenticated(case.mail, options)
    if found.verdict is SenderVerdict.FAIL and options["hold_failed_authentication"]:
        return refuses(found.because)
    return passes(found.because)
