"""What is done about mail that cannot be processed, as one mail server has it."""

from __future__ import annotations

from typing import Any, Final

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import MailServer
from mailchannel.services import after
from mailchannel.transports import TRANSPORTS

TROUBLE_SPECS: Final = (
    FieldSpec(
        "move_failed",
        "Move mail that cannot be processed to the fail folder",
        Kind.SWITCH,
        "So that one bad mail never stops the others. Off: it stays where it is and is listed in the mail log.",
        default=True,
    ),
    FieldSpec(
        "stop_after",
        "Stop fetching after so many failed mails",
        Kind.INTEGER,
        "Counted are those that lie in the fail folder unresolved. 0: never stop.",
        default=50,
        minimum=0,
        maximum=10_000,
    ),
    FieldSpec(
        "notify_failed",
        "Mail the team each time a mail goes to the fail folder",
        Kind.SWITCH,
        "The team are the people chosen for this mail server. Needs “application errors” in the system defaults.",
        default=True,
    ),
)


def in_force(server: MailServer) -> dict[str, Any]:
    return with_defaults(TROUBLE_SPECS, server.trouble)


def has_fail_folder(server: MailServer) -> bool:
    """Without folders there is nowhere to move a mail to, and these settings say nothing."""
    return server.protocol in TRANSPORTS and TRANSPORTS[server.protocol].has_folders


def moves_failed(server: MailServer) -> bool:
    return after.moves_failed(server) and bool(in_force(server)["move_failed"])


def most_failed(server: MailServer) -> int:
    """So many failed mails may lie in the fail folder before fetching stops; 0: any number."""
    return int(in_force(server)["stop_after"]) if moves_failed(server) else 0
