"""How the mailbox is reached, when, and under which addresses."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.models import Alias, MailServer
from mailchannel.services import providers, same_mailbox
from mailchannel.services.lint.remark import Draft, Remark
from mailchannel.services.providers import ENCRYPTIONS

STEP = "connection"
DAY = 24 * 60
#: Port → the encryption it is meant for.
USUAL = {
    port: encryption
    for ports in providers.USUAL_PORTS.values()
    for encryption, port in ports.items()
    if encryption != "none"
}


def addresses(draft: Draft) -> Iterator[Remark]:
    server = draft.server
    aliases = draft.channel.aliases
    if server.address in aliases:
        yield _remark("aliases", f"“Aliases” has {server.address}, which is the mail address itself.")
    others = _others(draft)
    for alias in aliases:
        if alias in others:
            text = f"“Aliases” has {alias}, which belongs to “{others[alias]}”: one mail would be two tickets."
            yield _remark("aliases", text)
    if server.address in others:
        text = f"“Mail address”: {server.address} belongs to “{others[server.address]}” as well."
        yield _remark("address", text)
    if server.reply_to and server.reply_to not in draft.ours:
        where = f"to “{others[server.reply_to]}”" if server.reply_to in others else "where this mail server never looks"
        yield _remark("reply_to", f"“Reply-to address”: answers to {server.reply_to} go {where}.")


def twice(draft: Draft) -> Iterator[Remark]:
    """The same folder of the same account for two mail servers. Nobody can make the second one live; what was live
    before that was refused may still be. One that is paused has given way to the other.
    """
    live = draft.server.live.status in MailServer.LIVE
    field, label = same_mailbox.whose(draft.server)
    for other in same_mailbox.sharing(draft.server):
        if other.server.status == MailServer.Status.DRAFT:
            text = f"“{label}”: “{other.server}”, a draft, is to read {other.folder} of the same account."
            yield _remark(field, f"{text} Only one of the two can be live.")
        elif live and other.at_work:
            text = f"“{label}”: “{other.server}” reads {other.folder} of the same account: every mail is two tickets."
            yield _remark(field, text)


def encryption(draft: Draft) -> Iterator[Remark]:
    for prefix, settings in (("", draft.server.connection), ("sending-", draft.server.sending)):
        port, chosen = settings.get("port"), settings.get("encryption")
        if not settings.get("host") or chosen is None:
            continue
        if chosen == "none" and not _this_machine(str(settings["host"])):
            yield _remark(
                f"{prefix}encryption",
                f"“Encryption” is off for {settings['host']}: whoever is on the way reads the password and all mail.",
            )
        elif chosen != "none" and isinstance(port, int) and USUAL.get(port, chosen) != chosen:
            meant, said = ENCRYPTIONS[USUAL[port]], ENCRYPTIONS.get(chosen, chosen)
            yield _remark(f"{prefix}port", f"“Port” {port} is for {meant}, but “Encryption” says {said}.")


def times(draft: Draft) -> Iterator[Remark]:
    """Skip times that leave no room, or less than there is between two fetches."""
    server = draft.server
    if not server.skip_times:
        return
    open_for = _longest_gap([_minutes(span) for span in server.skip_times])
    if open_for == 0:
        yield _remark("skip_times", "“Never between” covers the whole day: the mailbox is never read.")
    elif open_for < server.fetch_every_minutes:
        yield _remark(
            "fetch_every_minutes",
            f"“Fetch every” {server.fetch_every_minutes} minutes, but “Never between” leaves at most {open_for} "
            "minutes open: whole days may pass without a look.",
        )


def patience(draft: Draft) -> Iterator[Remark]:
    server = draft.server
    if server.cool_off_minutes < server.fetch_every_minutes and server.cool_off_minutes:
        yield _remark(
            "cool_off_minutes",
            f"“Rest after a failure” of {server.cool_off_minutes} minutes has no effect: "
            f"the next look comes after {server.fetch_every_minutes} minutes anyway.",
        )


RULES = (addresses, twice, encryption, times, patience)


def _this_machine(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _others(draft: Draft) -> dict[str, str]:
    """Address of another mail server → that one's name. Those of the same account share its addresses by nature."""
    servers = MailServer.objects.exclude(pk__in=same_mailbox.of_same_account(draft.server))
    found = dict(Alias.objects.filter(server__in=servers).values_list("address", "server__name"))
    return found | dict(servers.exclude(address="").values_list("address", "name"))


def _minutes(span: str) -> tuple[int, int]:
    start, end = (int(time[:2]) * 60 + int(time[3:5]) for time in span.split("-"))
    return start, end


def _longest_gap(spans: list[tuple[int, int]]) -> int:
    """The longest time of day, in minutes, that no span covers; spans may go beyond midnight."""
    closed = [False] * DAY
    for start, end in spans:
        for minute in range(start, end if end > start else end + DAY):
            closed[minute % DAY] = True
    if all(closed):
        return 0
    longest = here = 0
    for shut in closed * 2:  # twice around, for the gap over midnight
        here = 0 if shut else here + 1
        longest = max(longest, here)
    return min(longest, DAY)


def _remark(field: str, text: str) -> Remark:
    return Remark(field, text, STEP)
