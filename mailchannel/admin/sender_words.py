"""What the settings of the step “Who may write” mean at present, a sentence for each question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST_NAMED = 3
Values = Mapping[str, Any]  # name of a setting → its value; `allowed_domains` is among them


def blocked(values: Values) -> str:
    listed = values["blocked_senders"] or ()
    return f"Mail from {_named(listed, 'or')} never becomes a ticket." if listed else "Nobody is blocked."


def approved(values: Values) -> str:
    listed = values["allowed_domains"]
    if not listed:
        return "Senders of every domain may write."
    if not values["approved_domains_only"]:
        return "Senders of every domain may write; the list is switched off."
    above = [each.removeprefix("*.") for each in listed if each.startswith("*.")]
    alone = [each for each in listed if not each.startswith("*.")]
    who = [f"at {_named(alone, 'or')}"] if alone else []
    who += [f"at a domain below {_named(above, 'or')}"] if above else []
    return f"Only somebody {' or '.join(who)} may write; mail of all others is refused."


def unknown(values: Values) -> str:
    if values["unknown_senders"] == "refuse":
        return "Somebody we do not know is refused."
    return "Somebody we do not know may write; the ticket belongs to no user and no company."


def new_tickets(values: Values) -> str:
    if values["new_tickets_enabled"]:
        return "Everybody who got this far may open tickets and answer them."
    listed = values["new_tickets_exceptions"] or ()
    who = f"Only {_named(listed, 'and')}" if listed else "Nobody"
    return f"{who} may open new tickets by mail; answers still join their tickets."


def automatic(values: Values) -> str:
    words = values["auto_reply_words"] or ()
    also = _named(words, "and") if words else ""
    if values["exclude_auto_replies"]:
        return "Mail a machine sent is left out" + (f", and so is mail with {also}." if also else ".")
    return f"Only mail with {also} is left out." if also else "Mail a machine sent becomes tickets like any other."


def repeated(values: Values) -> str:
    if values["allow_duplicates"]:
        return "A mail sent again opens a ticket of its own."
    minutes = values["duplicate_window_minutes"]
    if not minutes:
        return "The same message opens one ticket however often it arrives."
    often = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"The same message opens one ticket however often it arrives, and so do the same words within {often}."


def besides(values: Values) -> str:
    said = []
    if values["only_if_in_to"]:
        said.append("our address stands in To, or it answers a ticket")
    if subjects := values["subject_must_match"]:
        said.append(f"its whole subject is {_named(subjects, 'or')}, or it answers a ticket")
    size = f"it is not larger than {values['largest_mail_mb']} MB"
    return f"A mail becomes a ticket only if {', and only if '.join([*said, size])}."


def _named(entries: Sequence[str], conjunction: str) -> str:
    shown = [f"“{each}”" for each in entries[:MOST_NAMED]]
    if more := len(entries) - len(shown):
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}"


#: Heading, the settings under it, and the sentence. The first four are the stages in which senders are judged.
QUESTIONS: tuple[tuple[str, tuple[str, ...], Callable[[Values], str]], ...] = (
    ("1. Who is blocked?", ("blocked_senders",), blocked),
    ("2. Which domains may write?", ("approved_domains_only", "allowed_domains"), approved),
    ("3. And people we do not know?", ("unknown_senders",), unknown),
    ("4. Who may open new tickets?", ("new_tickets_enabled", "new_tickets_exceptions"), new_tickets),
    ("Automatic mail", ("exclude_auto_replies", "auto_reply_words"), automatic),
    ("Mail that says the same again", ("allow_duplicates", "duplicate_window_minutes"), repeated),
    ("Which mail becomes a ticket?", ("only_if_in_to", "subject_must_match", "largest_mail_mb"), besides),
)
