"""What kind of mail is it, and by which sign?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.automatic import automatic, bulk, calendar
from mailchannel.parsing.bounces import bounce
from mailchannel.parsing.notices import challenge, feedback, receipt


class Kind(StrEnum):
    LETTER = "letter"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    RECEIPT = "receipt"
    LIST = "list"
    CHALLENGE = "challenge"
    CALENDAR = "calendar"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class MailKind:
    """`sign` says in words for the trace what shows it; empty for a letter."""

    kind: Kind
    sign: str = ""


#: The special before the general: a receipt is automatic too. A rejection in the form of a receipt is a bounce.
READERS: tuple[tuple[Kind, Callable[[ParsedMail], str]], ...] = (
    (Kind.FEEDBACK, feedback),
    (Kind.BOUNCE, bounce),
    (Kind.RECEIPT, receipt),
    (Kind.CHALLENGE, challenge),
    (Kind.AUTOMATIC, automatic),
    (Kind.CALENDAR, calendar),
    (Kind.LIST, bulk),
)


def kind_of(mail: ParsedMail) -> MailKind:
    for kind, reader in READERS:
        sign = reader(mail)
        if sign:
            return MailKind(kind, sign)
    return MailKind(Kind.LETTER)
