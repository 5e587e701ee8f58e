"""How urgent the sender says a mail is: high, normal or low."""

from __future__ import annotations

from mailchannel.kernel.types import ParsedMail

WORDS = {"highest": "high", "high": "high", "normal": "normal", "medium": "normal", "lowest": "low", "low": "low"}
#: Header → how its values begin. Nonsense in one header leaves the say to the next.
DIALECTS = {
    "importance": WORDS,
    "x-priority": {"1": "high", "2": "high", "3": "normal", "4": "low", "5": "low", **WORDS},
    "priority": {"urgent": "high", "non-urgent": "low", **WORDS},
    "x-msmail-priority": WORDS,
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
