"""Bring one mail server to the status a settings file asks for, through the same doors as everybody else."""

from __future__ import annotations

from collections.abc import Sequence

from mailchannel.models import MailServer
from mailchannel.services import publish
from mailchannel.services.audit import Person
from mailchannel.services.config_file.file import Entry
from mailchannel.services.config_file.problems import ConfigError
from mailchannel.services.config_file.schema import Ways, secret_names
from mailchannel.services.readiness import Problem, problems, rivals
from mailchannel.services.settings_document import COLUMNS, NESTED

Status = MailServer.Status


def apply_status(server: MailServer, entry: Entry, *, by: Person | None, changes: Sequence[str], added: bool) -> None:
    """`changes` names the parts of the mail server that differ now. Raises ConfigError."""
    if changes:
        publish.settings_changed(server, by=by, changes=changes, added=added)
    wanted = entry.says.get("status", server.status)
    try:
        _reach(wanted, server, by=by, changed=bool(changes))
    except publish.NotReady as error:
        raise ConfigError([entry.problem(_path(server, each), each.text) for each in error.problems]) from None


def _reach(wanted: str, server: MailServer, *, by: Person | None, changed: bool) -> None:
    """Raises NotReady. A failed server is an active one in trouble: only new settings give it a new start."""
    if wanted == Status.DRAFT:
        _require_unpublished(server)
        return
    first = not server.published_at
    if first:
        publish.publish(server, by=by, rest=wanted == Status.PAUSED)
    elif changed:
        _require_ready(server, live=server.status in MailServer.LIVE and wanted != Status.PAUSED)
    if wanted == Status.PAUSED:
        if first or server.status != Status.PAUSED:
            publish.pause(server, by=by)
    elif server.status == Status.PAUSED or (server.status == Status.FAILED and changed):
        publish.resume(server, by=by)


def _require_unpublished(server: MailServer) -> None:
    if server.published_at:
        text = "It was published and cannot become a draft again. Use “paused”."
        raise publish.NotReady([Problem("review", "status", text)])


def _require_ready(server: MailServer, *, live: bool) -> None:
    if found := [*problems(server), *(rivals(server) if live else ())]:
        raise publish.NotReady(found)


#: Prefix of a group of inputs → section of the file, where the two have the same keys.
_SECTIONS = {
    "files": "attachments",
    "after": "after",
    "trouble": "trouble",
    "confirm": "confirmation",
    "route": "ticket.routing",
}


def _path(server: MailServer, problem: Problem) -> str:
    """`problem.field` names an input of the wizard: the key of the file that holds the same value."""
    group, dash, name = problem.field.partition("-")
    if dash and group == "map":
        return "ticket.mapping"
    if dash and group == "accept":
        return f"accept.{name}".replace(f".{NESTED}_", f".{NESTED}.")
    if dash and group in _SECTIONS:
        return f"{_SECTIONS[group]}.{name}"
    if dash and group in ("sending", "oauth"):
        return _path_on_a_side(server, problem.field)
    return _plain_path(server, problem)


def _path_on_a_side(server: MailServer, field: str) -> str:
    """`sending-oauth-client_id` → `sending_oauth.client_id`; a secret stands among the secrets."""
    *groups, name = field.split("-")
    side = "_".join(groups)
    secret = f"{side}_{name}"
    return f"secrets.{secret}" if secret in secret_names(Ways.of(server)) else f"{side}.{name}"


def _plain_path(server: MailServer, problem: Problem) -> str:
    if problem.step == "folders":
        return f"connection.{problem.field}" if problem.field in COLUMNS else f"folders.{problem.field}"
    if problem.step == "ticket":
        return f"ticket.{problem.field}"
    if problem.field in secret_names(Ways.of(server)):
        return f"secrets.{problem.field}"
    return problem.field if hasattr(server, problem.field) else f"connection.{problem.field}"
