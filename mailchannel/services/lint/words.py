"""Lists of words and subjects that decide about mail."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.pipeline.subject_words import folded
from mailchannel.services.lint.patterns import Patterns
from mailchannel.services.lint.remark import Draft, Remark

STEP = "senders"
AUTO, SUBJECTS = "accept-auto_reply_words", "accept-subject_must_match"
SHORTEST = 3
#: A word is too common when it stands in a fifth of at least so many subjects that became tickets.
SUBJECTS_NEEDED = 20


def short(draft: Draft) -> Iterator[Remark]:
    for word in _words(draft):
        if len(word) < SHORTEST:
            yield _auto(f"“Also leave out”: “{word}” is so short that it stands inside other words.")


def common(draft: Draft) -> Iterator[Remark]:
    subjects = draft.history.subjects
    if len(subjects) < SUBJECTS_NEEDED:
        return
    for word in _words(draft):
        wanted = folded(word)
        hit = sum(wanted in subject for subject in subjects)
        if hit * 5 >= len(subjects):
            yield _auto(
                f"“Also leave out”: “{word}” stands in the subject of {hit} of the {len(subjects)} mails that became "
                "or joined tickets lately."
            )


def everybody(draft: Draft) -> Iterator[Remark]:
    for entry in draft.accept["auto_reply_words"]:
        domain = entry.removeprefix("*@")
        if entry.startswith("*@") and domain in draft.allowed_domains:
            yield _auto(f"“Also leave out” has {entry}, and {domain} is an allowed domain: its mail is never read.")


def contradicting(draft: Draft) -> Iterator[Remark]:
    for subject in draft.accept["subject_must_match"]:
        word = next((word for word in _words(draft) if folded(word) in folded(subject)), "")
        if word:
            yield _subjects(
                f"“Only these subjects” asks for “{subject}”, but “Also leave out” has “{word}”: such mail is left out."
            )


def narrow(draft: Draft) -> Iterator[Remark]:
    accept = draft.accept
    wanted = accept["subject_must_match"]
    for subject in wanted:
        if subject.casefold().startswith(("re:", "fwd:", "fw:", "aw:")):
            yield _subjects(f"“Only these subjects”: answers to tickets are never asked, so “{subject}” is not needed.")
    if wanted and accept["only_if_in_to"]:
        yield _subjects(
            "“Only these subjects” and “Only if our address stands in To” are both on: "
            "a new ticket needs the right subject and our address in To at once."
        )
    seen = draft.history.subjects
    if wanted and len(seen) >= SUBJECTS_NEEDED and not {folded(subject) for subject in wanted}.intersection(seen):
        yield _subjects(f"“Only these subjects” matches none of the {len(seen)} mails that led to tickets lately.")


def covered(draft: Draft) -> Iterator[Remark]:
    """A sender who is blocked need not be left out as automatic as well."""
    blocked = Patterns(draft.accept["blocked_senders"])
    for entry in draft.accept["auto_reply_words"]:
        by = blocked.match(entry) if "@" in entry else ""
        if by:
            yield _auto(f"“Also leave out”: {entry} is a blocked sender already, by {by}.")


RULES = (short, common, everybody, contradicting, narrow, covered)


def _words(draft: Draft) -> list[str]:
    return [entry.strip() for entry in draft.accept["auto_reply_words"] if "@" not in entry and entry.strip()]


def _auto(text: str) -> Remark:
    return Remark(AUTO, text, STEP)


def _subjects(text: str) -> Remark:
    return Remark(SUBJECTS, text, STEP)
