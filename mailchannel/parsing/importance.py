"""How urgent the sender says a mail is: high, normal or low."""

from __future__ import annotations

from mailchannel.kernel.types import ParsedMail

#: Header → how its values begin. Nonsense in one header leaves the say to the next.
DIALECTS = {
    "importance": {"high": "high", "normal": "normal", "medium": "normal", "low": "low"},
    "x-priority": {"1": "high", "2": "high", "3": "normal", "4": "low", "5": "low"},
    "priority": {"urgent": "high", "high": "high", "normal": "normal", "non-urgent": "low", "low": "low"},
    "x-msmail-priority": {"high": "high", "normal": "normal", "low": "low"},
}
NORMAL = "normal"


def importance(mail: ParsedMail) -> str:
    """The first header that says something understandable counts; without one, normal."""
    for header, meanings in DIALECTS.items():
        said = mail.header(header).strip().lower()
        for word, meaning in meanings.items():
            if said == word or said.startswith((f"{word} ", f"{word}(")):
                return meaning
    return NORMAL
