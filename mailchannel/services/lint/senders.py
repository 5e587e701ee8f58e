"""Lists of senders: blocked, allowed, excepted."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mailchannel.pipeline.addressing import domain_fits
from mailchannel.services.lint.patterns import Patterns
from mailchannel.services.lint.remark import Draft, Remark, named

STEP = "senders"
#: So many mails of a month make a domain one we know.
FREQUENT = 3


def fighting(draft: Draft) -> Iterator[Remark]:
    """What is blocked is never let in again by another list."""
    blocked = draft.accept["blocked_senders"]
    domains = {entry.removeprefix("*@") for entry in blocked if entry.startswith("*@")}
    for domain in draft.allowed_domains:
        if domain in domains:
            yield _remark(
                "accept-blocked_senders",
                f"“Blocked senders” has *@{domain}, and {domain} is an allowed domain: nobody from there gets through.",
            )
    by = Patterns(blocked)
    for entry in draft.accept["new_tickets_exceptions"]:
        if by.match(entry):
            yield _remark(
                "accept-new_tickets_exceptions",
                f"“Except for these senders” has {entry}, who is blocked: blocked senders never get through.",
            )


def pointless(draft: Draft) -> Iterator[Remark]:
    """Entries that cannot change what happens to any mail."""
    accept = draft.accept
    blocked, allowed = accept["blocked_senders"], draft.allowed_domains
    patterns = Patterns(blocked)
    for entry in blocked:
        wider = "" if entry.startswith("*@") else patterns.wider(entry)
        if wider:
            yield _remark("accept-blocked_senders", f"“Blocked senders”: {entry} is blocked by {wider} already.")
        elif allowed and not _may_write(entry, allowed):
            text = f"“Blocked senders”: {entry} cannot write anyway, because its domain is not allowed."
            yield _remark("accept-blocked_senders", text)
    exceptions = accept["new_tickets_exceptions"]
    if exceptions and accept["new_tickets_enabled"]:
        yield _remark(
            "accept-new_tickets_exceptions",
            "“Except for these senders” has no effect: everybody may open tickets. "
            "Switch “Mail may open new tickets” off, or empty the list.",
        )
    for entry in exceptions:
        if allowed and not _may_write(entry, allowed):
            yield _remark(
                "accept-new_tickets_exceptions",
                f"“Except for these senders”: {entry} cannot write at all, because its domain is not allowed.",
            )


def shut_out(draft: Draft) -> Iterator[Remark]:
    """Who wrote lately and would not be heard any more."""
    allowed = draft.allowed_domains
    if allowed:
        lost = [who for who in draft.history.customers if not _may_write(who, allowed)]
        yield from _lost(draft, lost, "allowed_domains", "“Approved domains” lacks the domains of")
    blocked = Patterns(draft.accept["blocked_senders"])
    yield from _lost(
        draft,
        [who for who in draft.history.customers if blocked.match(who)],
        "accept-blocked_senders",
        "“Blocked senders” shuts out",
    )


def misspelt(draft: Draft) -> Iterator[Remark]:
    """One letter away from a domain that mail comes from, while no mail comes from the listed one."""
    seen = draft.history.domains
    frequent = [domain for domain, mails in seen.items() if mails >= FREQUENT]
    for listed in draft.allowed_domains:
        for domain in frequent if listed not in seen else ():
            if domain not in draft.allowed_domains and one_letter_apart(listed, domain):
                text = f"“Approved domains”: did you mean {domain}? Nobody writes from {listed}."
                yield _remark("allowed_domains", text)


def narrow(draft: Draft) -> Iterator[Remark]:
    """Lists that shut out more than whoever wrote them may have meant."""
    allowed = draft.allowed_domains
    for pattern in allowed:
        if pattern.startswith("*.") and pattern[2:] not in allowed:
            yield _remark(
                "allowed_domains",
                f"“Approved domains”: {pattern} means what lies below {pattern[2:]}, not {pattern[2:]} itself.",
            )
    accept = draft.accept
    if not accept["new_tickets_enabled"] and not accept["new_tickets_exceptions"]:
        text = "“Mail may open new tickets” is off and nobody is excepted: only answers to tickets are read."
        yield _remark("accept-new_tickets_enabled", text)
    own = Patterns(accept["blocked_senders"]).wider(draft.server.address)
    if own.startswith("*@"):
        text = f"“Blocked senders”: {own} is your own domain, so colleagues who write are ignored."
        yield _remark("accept-blocked_senders", text)


def unproven(draft: Draft) -> Iterator[Remark]:
    if draft.accept["hold_failed_authentication"] and not draft.accept["trusted_authentication_server"]:
        yield _remark(
            "accept-hold_failed_authentication",
            "“Hold forged mail” has no effect: “Trusted to check senders” names no mail server.",
        )


def strangers(draft: Draft) -> Iterator[Remark]:
    if draft.accept["unknown_senders"] == "refuse" and not draft.accept["new_tickets_enabled"]:
        yield _remark(
            "accept-unknown_senders",
            "“Mail from people we do not know yet” is refused and new tickets are off: "
            "an excepted sender gets through only after having written before.",
        )


RULES = (fighting, pointless, shut_out, misspelt, narrow, unproven, strangers)


def one_letter_apart(one: str, other: str) -> bool:
    """One letter more, less or other, or two neighbours swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    same = next((place for place, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(short) < len(long):
        return short[same:] == long[same + 1 :]
    swapped = one[:same] + one[same + 1 : same + 2] + one[same : same + 1] + one[same + 2 :]
    return one[same + 1 :] == other[same + 1 :] or swapped == other


def _lost(draft: Draft, lost: list[str], field: str, said: str) -> Iterator[Remark]:
    if not lost:
        return
    lost.sort(key=lambda who: -draft.history.customers[who])
    mails = sum(draft.history.customers[who] for who in lost)
    people = "1 customer" if len(lost) == 1 else f"{len(lost)} customers"
    wrote = f"{mails} mail{'' if mails == 1 else 's'}"
    yield _remark(field, f"{said} {people} who wrote {wrote} in the last 30 days: {named(lost)}.")


def _may_write(entry: str, allowed: Collection[str]) -> bool:
    domain = entry.rpartition("@")[2]
    return domain in allowed or any(domain_fits(domain, each) for each in allowed if each.startswith("*."))


def _remark(field: str, text: str) -> Remark:
    return Remark(field, text, STEP)
