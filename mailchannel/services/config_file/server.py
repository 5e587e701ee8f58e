"""Make one mail server what its entry in a settings file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from mailchannel.models import MailServer, Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.senders import SENDERS
from mailchannel.services import drafts, versions
from mailchannel.services.audit import Person
from mailchannel.services.config_file.file import Entry
from mailchannel.services.config_file.problems import ConfigError
from mailchannel.services.config_file.rows import apply_rows
from mailchannel.services.config_file.schema import Ways, secret_names
from mailchannel.services.config_file.status import apply_status
from mailchannel.services.settings_document import COLUMNS, NESTED, exported_server
from mailchannel.services.sign_in.specs import ADDRESSING as APPLICATION
from mailchannel.services.sign_in.specs import READING_VAULT, SENDING_VAULT
from mailchannel.services.vault import INBOX, ON_THE_WAY, SENDING, addressing, exposes, strays
from mailchannel.transports import TRANSPORTS
from tickets.api import template_id

#: Sections of a mail server whose account or application has a secret.
SIDES: Final = ("connection", "sending", "oauth", "sending_oauth")
_VAULTS: Final = {SENDING: "sending", READING_VAULT: "oauth", SENDING_VAULT: "sending_oauth"}
AGAIN = (
    "server, port, encryption or user name changes, and a stored password is never sent somewhere else. "
    "Give it again under “secrets”."
)
APPLICATION_AGAIN = (
    "the application, who signs in or where changes, and a stored secret is never sent somewhere else. Give it again "
    "under “secrets”."
)
TOKENS_STRAY = (
    "what a stored secret brings would be shown to another server or for another account than before, and it is never "
    "sent somewhere else. Give it again under “secrets”."
)
EXPOSED = (
    "others than before could read a stored password on this way, and it is never put at risk. Give it again under "
    "“secrets”."
)
#: Keys that are columns.
PLAIN: Final = (*("protocol", "auth", "address", "reply_to", "sending_protocol", "sending_auth", "verify_certificate"),)
WAITS = "Changes of it wait to be published, and this does not go with them: {} Publish or discard them first."
OTHER_ACCOUNT = "they use another account, which keeps its own password."


def apply_server(entry: Entry, *, by: Person | None) -> None:
    """Runs inside the caller's transaction. Raises ConfigError."""
    stored = MailServer.objects.select_for_update().filter(name=entry.name).first()
    server = stored or MailServer(name=entry.name)
    before = _state(server)
    apply_settings(server, entry)
    after = _state(server)
    _carry_over(server, entry, before, after)
    apply_status(server, entry, by=by, changes=_changes(before, after), added=not before)


def _carry_over(server: MailServer, entry: Entry, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What the file changed, in the draft as well: publishing it must not take that back. Raises ConfigError."""
    draft, says = drafts.draft_of(server), _differing(entry.says, before, after)
    if draft is None or not says:
        return
    theirs = _state(draft)
    if "secrets" in says and any(is_moved(before, theirs, side) for side in SIDES):
        raise entry.error("secrets", WAITS.format(OTHER_ACCOUNT))
    try:
        apply_settings(draft, replace(entry, says=says))
    except ConfigError as error:
        waits = [replace(problem, text=WAITS.format(problem.text)) for problem in error.problems]
        raise ConfigError(waits) from None


def _differing(says: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a file says that which changed something."""
    found: dict[str, Any] = {}
    for key, value in says.items():
        if isinstance(value, Mapping) and key != "secrets":
            inner = _differing(value, before.get(key, {}), after.get(key, {}))
            found |= {key: inner} if inner else {}
        elif before.get(key) != after.get(key):
            found[key] = value
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Old → new of everything that differs; of secrets only that they do."""
    plain = [{name: value for name, value in side.items() if name != "secrets"} for side in (before, after)]
    secrets = ["secrets: changed"] if before.get("secrets") != after.get("secrets") else []
    return [*map(str, versions.changes(*plain)), *secrets]


def apply_settings(server: MailServer, entry: Entry) -> None:
    """Everything but the status, on a mail server or on a draft of one. Raises ConfigError."""
    before = _state(server)
    _set_columns(server, entry)
    _set_connection(server, entry)
    _set_sending(server, entry)
    _set_acceptance(server, entry)
    for name in ("attachments", "after", "trouble", "confirmation"):
        setattr(server, name, _merged(getattr(server, name), entry.section(name)))
    server.routing = _merged(server.routing, entry.section("ticket").get("routing", {}))
    _refuse_moved_secrets(server, entry, stored=before)
    _set_secrets(server, entry)
    _set_template(server, entry)
    _save(server, entry)
    apply_rows(server, entry)


def _state(server: MailServer) -> dict[str, Any]:
    """As stored; nothing for one that is not."""
    fresh = MailServer.everything.filter(pk=server.pk).first()
    return {**exported_server(fresh), "secrets": fresh.secrets} if fresh else {}


def _set_columns(server: MailServer, entry: Entry) -> None:
    for name in PLAIN:
        setattr(server, name, entry.says.get(name, getattr(server, name)))
    ways = {"auth": TRANSPORTS[server.protocol].auths, "sending_auth": SENDERS[server.sending_protocol].auths}
    for name, offered in ways.items():
        if getattr(server, name) not in offered:
            setattr(server, name, offered[0])
    for name in ("oauth", "sending_oauth"):
        setattr(server, name, _merged(getattr(server, name), entry.section(name)))
    if "authorities" in entry.says:
        server.authorities = entry.says["authorities"] or ""
    if "proxy" in entry.says:
        server.proxy = _proxy(entry)
    server.attach_email = entry.section("ticket").get("attach_email", server.attach_email)


def _proxy(entry: Entry) -> Proxy | None:
    name = entry.says["proxy"]
    found = Proxy.objects.filter(name=name).first() if name else None
    if name and found is None:
        raise entry.error("proxy", f"there is no proxy “{name}”. Define it under “proxies”.")
    return found


def _set_connection(server: MailServer, entry: Entry) -> None:
    given = entry.section("connection")
    columns = {name: value for name, value in given.items() if name in COLUMNS}
    if server.published_at and columns.get("sync_start", "") is None:
        del columns["sync_start"]  # "from the moment of publication": that is past, and known
    for name, value in columns.items():
        setattr(server, name, _default(name) if value is None else value)
    options = {name: value for name, value in given.items() if name not in COLUMNS}
    server.connection = _merged(server.connection, options)
    fields = {spec.name for spec in TRANSPORTS[server.protocol].fields}
    if "username" in fields and server.address and not server.connection.get("username"):
        server.connection["username"] = server.address


def _default(column: str) -> Any:
    field = MailServer._meta.get_field(column)
    return field.get_default() if isinstance(field, models.Field) else None


def _set_sending(server: MailServer, entry: Entry) -> None:
    server.sending = _merged(server.sending, entry.section("sending"))


def _set_acceptance(server: MailServer, entry: Entry) -> None:
    accept = entry.section("accept")
    nested = {f"{NESTED}_{name}": value for name, value in accept.get(NESTED, {}).items()}
    plain = {name: value for name, value in accept.items() if name not in (NESTED, "allowed_domains")}
    server.acceptance = _merged(server.acceptance, {**plain, **nested})


def _merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Null takes an option back to its default."""
    return {name: value for name, value in {**stored, **given}.items() if value is not None}


def _refuse_moved_secrets(server: MailServer, entry: Entry, *, stored: Mapping[str, Any]) -> None:
    if not stored:
        return
    names = secret_names(Ways.of(server))
    kept = (set(server.secrets) & set(names.values())) - {names[key] for key in entry.section("secrets")}
    wanted = exported_server(server) if server.pk else {}
    for side in SIDES:
        if not any(side_of(name) == side for name in kept):
            continue
        if _addressing(stored, side) != _addressing(wanted, side):
            raise entry.error(side, APPLICATION_AGAIN if side.endswith("oauth") else AGAIN)
        if _strays(stored, wanted, side):
            raise entry.error(side, TOKENS_STRAY)
        if _exposes(stored, wanted):
            raise entry.error(next(name for name in ON_THE_WAY if stored[name] != wanted[name]), EXPOSED)


def is_moved(before: Mapping[str, Any], after: Mapping[str, Any], side: str) -> bool:
    """Whether a secret of one of the `SIDES`, or what it brings, would go elsewhere than before, or where others can
    read it. Among `before` are the secrets."""
    moved = _addressing(before, side) != _addressing(after, side)
    return moved or _strays(before, after, side) or _exposes(before, after)


def _strays(before: Mapping[str, Any], after: Mapping[str, Any], side: str) -> bool:
    pasted = any(before["secrets"].get(f"{vault}refresh_token") for vault, its in _VAULTS.items() if its == side)
    return side.endswith("oauth") and strays(before, after, side, pasted=pasted)


def _exposes(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    plain = "none" in (after[side].get("encryption") for side in ("connection", "sending"))
    return exposes(before, after, plain=plain)


def _addressing(exported: Mapping[str, Any], side: str) -> dict[str, Any]:
    """What an exported mail server says of where the secrets of one of the `SIDES` belong."""
    if not side.endswith("oauth"):
        return addressing(exported[side])
    return {name: exported[side][name] for name in APPLICATION if name in exported[side]}


def side_of(name: str) -> str:
    """The section a secret belongs to, by its name in the encrypted column."""
    return next((side for prefix, side in _VAULTS.items() if name.startswith(prefix)), "connection")


def _set_secrets(server: MailServer, entry: Entry) -> None:
    names = secret_names(Ways.of(server))
    given = {names[key]: value for key, value in entry.section("secrets").items()}
    if any(server.secrets.get(name) != value for name, value in given.items()):
        server.secrets_set_at = timezone.now()
    stored = {name: value for name, value in server.secrets.items() if name in names.values() or name.startswith(INBOX)}
    server.secrets = Secrets({**stored, **given})


def _set_template(server: MailServer, entry: Entry) -> None:
    ticket = entry.section("ticket")
    if "template" not in ticket:
        return
    name = ticket["template"]
    server.template_id = template_id(name) if name else None
    if name and server.template_id is None:
        raise entry.error("ticket.template", f"there is no template “{name}”. Define it under “templates”.")


def _save(server: MailServer, entry: Entry) -> None:
    try:
        server.save()
    except ValidationError as error:  # the template is locked
        raise entry.error("ticket.template", " ".join(error.messages)) from None
