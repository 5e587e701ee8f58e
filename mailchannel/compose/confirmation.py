"""The mail that tells a customer at once that the ticket exists."""

from __future__ import annotations

from typing import Final

from mailchannel.kernel.specs import FieldSpec, Kind

CONFIRMATION_SPECS: Final = (
    FieldSpec(
        "send_confirmation",
        "Confirm every new ticket to its sender",
        Kind.SWITCH,
        "Machines, mailing lists and our own addresses are never written to.",
        default=True,
    ),
    FieldSpec(
        "confirmation_text",
        "Words of the confirmation",
        Kind.PARAGRAPH,
        "{number}, {title} and {name} stand for the ticket's number, its title and the sender's name.",
        default="Hello {name},\n\nwe received your message and opened ticket {number}. "
        "Somebody will answer you soon.\n\nTo add something, just reply to this mail.",
    ),
)
