"""Which folders are read and where mail goes, from when on, and what happens to mail that fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from mailchannel.models import FolderMapping
from mailchannel.services import after
from mailchannel.services.after import Action
from mailchannel.services.lint.remark import Draft, Remark

STEP = "folders"
Role = FolderMapping.Role
#: Last part of a folder's name, lower case → what it holds.
ALL_MAIL = frozenset(
    ["all mail", "alle nachrichten", "tous les messages", "todos", "tutti i messaggi", "todos os e-mails"]
)
SPECIAL = {
    **dict.fromkeys(("junk", "spam", "bulk mail", "junk e-mail", "junk-e-mail"), "unwanted mail"),
    **dict.fromkeys(("trash", "bin", "deleted items", "deleted messages", "papierkorb"), "deleted mail"),
    **dict.fromkeys(("sent", "sent mail", "sent items", "gesendet"), "mail you sent yourselves"),
    **dict.fromkeys(("drafts", "entwürfe"), "mail nobody has sent yet"),
}
TARGETS = {Role.SUCCESS: "processed", Role.FAIL: "failed", Role.EXCLUSION: "ignored"}
OLD = timedelta(days=365)


def sources(draft: Draft) -> Iterator[Remark]:
    for folder in _folders(draft, Role.SOURCE):
        last = _last(folder)
        if last in ALL_MAIL:
            text = f"“Read mail from” has {folder}, which holds every mail: moved mail is in it still."
            yield _remark("source", text)
        elif last in SPECIAL:
            yield _remark("source", f"“Read mail from” has {folder}: it holds {SPECIAL[last]}, which becomes tickets.")


def targets(draft: Draft) -> Iterator[Remark]:
    for role, what in TARGETS.items():
        for folder in _folders(draft, role):
            if _last(folder) in SPECIAL and SPECIAL[_last(folder)] in ("unwanted mail", "deleted mail"):
                text = f"“{role.label}” is {folder}: most mail servers empty it, and {what} mail is gone."
                yield _remark(role.value, text)
    success, fail, exclusion = (next(iter(_folders(draft, role)), "") for role in TARGETS)
    if fail and fail == success:
        yield _remark("fail", f"“{Role.FAIL.label}” is {fail}, as for processed mail: nobody sees what failed.")
    if fail and fail == exclusion:
        yield _remark("fail", f"“{Role.FAIL.label}” is {fail}, as for ignored mail: nobody sees what failed.")


def unread(draft: Draft) -> Iterator[Remark]:
    """A folder that is never read only matters below one that might be."""
    reads = set(_folders(draft, *TARGETS))
    for folder in _folders(draft, Role.NEVER_READ):
        if folder in reads:
            yield _remark("never_read", f"“Never read” has {folder}, where mail is only moved to: it is not needed.")


def start(draft: Draft) -> Iterator[Remark]:
    begins, now = draft.server.sync_start, timezone.now()
    if begins is None:
        return
    if begins > now:
        text = f"“Ignore mail before” lies in the future: nothing becomes a ticket until {begins:%Y-%m-%d %H:%M}."
        yield _remark("sync_start_0", text)
    elif draft.server.published_at is None and begins < now - OLD:
        text = f"“Ignore mail before” is {begins:%Y-%m-%d}: all mail since then becomes tickets when you publish."
        yield _remark("sync_start_0", text)


def afterwards(draft: Draft) -> Iterator[Remark]:
    """What is done with mail and where it is moved are two settings."""
    labels = {spec.name: spec.label for spec in after.AFTER_SPECS}
    for role, what in TARGETS.items():
        action, folder = after.in_force(draft.server).get(what), next(iter(_folders(draft, role)), "")
        if action == Action.MOVE and not folder and role != Role.FAIL and what in draft.server.after:
            yield _remark(f"after-{what}", f"“{labels[what]}” is to be moved, but no folder is chosen: it stays.")
        if action and action != Action.MOVE and folder:
            text = f"“{role.label}” is {folder}, but nothing goes there: “{labels[what]}” says something else."
            yield _remark(f"after-{what}", text)
        if action == Action.DELETE:
            text = f"“{labels[what]}” is deleted: the mailbox holds no copy then, and ours is the only original."
            yield _remark(f"after-{what}", text)


def trouble(draft: Draft) -> Iterator[Remark]:
    settings = draft.trouble
    moves = after.moves_failed(draft.server)
    if moves and settings["move_failed"] and not _folders(draft, Role.FAIL):
        text = "“Move mail that cannot be processed to the fail folder” is on, but there is no fail folder."
        yield _remark("fail", text)
    if not (moves and settings["move_failed"]) and draft.server.trouble.get("stop_after"):
        yield _remark(
            "trouble-stop_after",
            "“Stop fetching after so many failed mails” counts mails in the fail folder, and none is moved there.",
        )
    if moves and settings["move_failed"] and not settings["stop_after"] and not settings["notify_failed"]:
        yield _remark(
            "trouble-notify_failed",
            "“Mail the team each time” is off and fetching never stops: nobody hears of mail that fails.",
        )


RULES = (sources, targets, unread, start, afterwards, trouble)


def _folders(draft: Draft, *roles: str) -> list[str]:
    return [row.folder for row in draft.server.folders.all() if row.role in roles]


def _last(folder: str) -> str:
    return folder.replace(".", "/").rpartition("/")[2].strip().lower()


def _remark(field: str, text: str) -> Remark:
    return Remark(field, text, STEP)
