"""What becomes of a mail on its server once it is settled, as one mail server has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import FolderMapping, MailServer
from mailchannel.services.validation import TARGETS
from mailchannel.transports import TRANSPORTS, Remover


class Action(StrEnum):
    MOVE = "move"
    READ = "mark_read"
    DELETE = "delete"
    LEAVE = "leave"


LABELS: Final[Mapping[Action, str]] = {
    Action.MOVE: "Move to the folder",
    Action.READ: "Mark as read and leave",
    Action.DELETE: "Delete",
    Action.LEAVE: "Leave untouched",
}
#: What people have to know before they choose to delete.
DELETED_FOR_GOOD: Final = (
    "Deleted mail is gone from the mailbox: the only original is the one kept here, in the database. Back it up. "
    "Mail is deleted only after its ticket is stored, and never mail that failed, was refused or was not read whole."
)

#: Said of a server that has no command for it: emptying the folder would take other people's mail along.
CANNOT_DELETE: Final = "This mail server cannot delete single mails (UIDPLUS), so processed mail would stay in place."


def _spec(name: str, label: str, help: str, actions: tuple[Action, ...]) -> FieldSpec:
    choices = tuple((action.value, LABELS[action]) for action in actions)
    return FieldSpec(name, label, Kind.CHOICE, help, default=Action.MOVE.value, choices=choices)


#: Failed and refused mail is never deleted: somebody may still have to look at it.
AFTER_SPECS: Final = (
    _spec("processed", "Processed mail", "Mail that became a ticket or joined one, and further copies.", tuple(Action)),
    _spec("ignored", "Ignored mail", "Automatic mail and the like.", tuple(Action)),
    _spec(
        "failed",
        "Failed and refused mail",
        "Never deleted: somebody may have to look at it.",
        (Action.MOVE, Action.READ, Action.LEAVE),
    ),
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done with a mail. `folder` is where it is moved to, and empty for every other action."""

    action: Action
    folder: str = ""


def specs_of(protocol: str) -> tuple[FieldSpec, ...]:
    """What can be chosen with this protocol; nothing where mail is brought to us and lies in no mailbox."""
    if protocol not in TRANSPORTS:
        return ()
    removes = issubclass(TRANSPORTS[protocol], Remover)
    if TRANSPORTS[protocol].has_folders:
        return AFTER_SPECS if removes else tuple(_only(spec, Action.MOVE, Action.LEAVE) for spec in AFTER_SPECS)
    # Without folders there are no marks either (POP3), and failed mail can only stay.
    return tuple(_only(spec, Action.LEAVE, Action.DELETE) for spec in AFTER_SPECS[:2]) if removes else ()


def in_force(server: MailServer) -> dict[str, str]:
    """The choice for each end, by name. What the protocol cannot do counts as not chosen."""
    specs = specs_of(server.protocol)
    can = {spec.name: dict(spec.choices) for spec in specs}
    return with_defaults(specs, {name: each for name, each in server.after.items() if _among(each, can.get(name, {}))})


def deeds(server: MailServer) -> dict[str, Deed]:
    """What is really done, by end: mail that should be moved stays where no folder is chosen."""
    chosen = in_force(server)
    folders = {ended: server.folder(FolderMapping.Role(role)) for role, ended in TARGETS.items()}
    return {ended: _deed(Action(chosen.get(ended, Action.LEAVE)), folders[ended]) for ended in TARGETS.values()}


def deletes(server: MailServer) -> bool:
    return Action.DELETE in in_force(server).values()


def moves_failed(server: MailServer) -> bool:
    """Failed and refused mail is meant to be moved, whether there is a folder yet or not."""
    return in_force(server).get("failed") == Action.MOVE


def _deed(action: Action, folder: str) -> Deed:
    if action is Action.MOVE:
        return Deed(Action.MOVE, folder) if folder else Deed(Action.LEAVE)
    return Deed(action)


def _only(spec: FieldSpec, *actions: Action) -> FieldSpec:
    """The first action is the default."""
    choices = tuple((action.value, LABELS[action]) for action in actions)
    return replace(spec, choices=choices, default=actions[0].value)


def _among(value: object, choices: Mapping[str, str]) -> bool:
    return isinstance(value, str) and value in choices
