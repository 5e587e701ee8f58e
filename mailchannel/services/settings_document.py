"""The settings of one mail server as plain data, in the shape of a settings file, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import FieldMapping, FolderMapping, MailServer
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services import after, file_settings
from mailchannel.services.notices import team
from mailchannel.services.sign_in.specs import specs_of
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.services.validation import TARGETS
from mailchannel.transports import TRANSPORTS
from tickets.api import template_fields

STATUSES: Final = ("draft", "active", "paused")
#: Columns of a mail server that a file keeps under `connection`.
COLUMNS: Final = ("timeout_ms", "max_tries", "cool_off_minutes", "fetch_every_minutes", "skip_times", "sync_start")
#: Options of a gate called new_tickets_… are written in a section new_tickets.
NESTED: Final = "new_tickets"
#: What tells the entries of a list apart.
_NAMES = ("name", "key", "field")


def exported_server(server: MailServer) -> dict[str, Any]:
    return {
        "name": server.name,
        # "failed" is something that happened to an active server, not something to configure.
        "status": server.status if server.status in STATUSES else MailServer.Status.ACTIVE.value,
        "protocol": server.protocol,
        "auth": server.auth,
        "oauth": options_in_force(specs_of(server.auth), server.oauth),
        "address": server.address,
        "aliases": [row.address for row in server.aliases.all()],
        "reply_to": server.reply_to,
        "connection": {**options_in_force(TRANSPORTS[server.protocol].fields, server.connection), **_columns(server)},
        "sending_protocol": server.sending_protocol,
        "sending_auth": server.sending_auth,
        "sending_oauth": _own_application(server),
        "sending": options_in_force(SENDERS[server.sending_protocol].fields, server.sending),
        "proxy": server.proxy.name if server.proxy else None,
        "authorities": server.authorities or None,
        "verify_certificate": server.verify_certificate,
        "folders": _folders(server),
        "accept": _accept(server),
        "attachments": file_settings.own_values(server.attachments),
        "after": after.in_force(server),
        "trouble": options_in_force(TROUBLE_SPECS, server.trouble),
        "confirmation": options_in_force(CONFIRMATION_SPECS, server.confirmation),
        "alert_to": sorted(person.get_username() for person in team(server)),
        "ticket": _ticket(server),
    }


def _own_application(server: MailServer) -> dict[str, Any]:
    """Empty where the application for reading signs in for sending, too."""
    return options_in_force(specs_of(server.sending_auth), server.sending_oauth) if server.sending_oauth else {}


def _columns(server: MailServer) -> dict[str, Any]:
    return {name: getattr(server, name) for name in COLUMNS}


def _folders(server: MailServer) -> dict[str, Any]:
    by_role: dict[str, list[str]] = {role: [] for role in FolderMapping.Role.values}
    for row in server.folders.all():
        by_role[row.role].append(row.folder)
    return {role: "".join(names[:1]) if role in TARGETS else names for role, names in by_role.items()}


def _accept(server: MailServer) -> dict[str, Any]:
    options = options_in_force(acceptance_specs(), server.acceptance)
    prefix = f"{NESTED}_"
    nested = {name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)}
    plain = {name: value for name, value in options.items() if not name.startswith(prefix)}
    return {"allowed_domains": [row.domain for row in server.domains.all()], **plain, NESTED: nested}


def _ticket(server: MailServer) -> dict[str, Any]:
    known = {field.key for field in template_fields(server.template_id)}
    return {
        "template": server.template.name if server.template else None,
        "whitelisted_types": list(server.whitelisted_types.values_list("name", flat=True)),
        "attach_email": server.attach_email,
        "routing": options_in_force(ROUTING_SPECS, server.routing),
        "mapping": [_rule(row) for row in server.mappings.all() if row.field in known],
    }


def _rule(row: FieldMapping) -> dict[str, Any]:
    given = {"property": row.property, "default": row.default, "restricted": row.restricted}
    return {"field": row.field, **{key: value for key, value in given.items() if value}}


def options_in_force(specs: Iterable[FieldSpec], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The values in force. A number that is not set has no value to write: null."""
    open_ones = [spec for spec in specs if spec.kind is not Kind.SECRET]
    values = with_defaults(open_ones, stored)
    return {spec.name: _plain(spec.kind, values[spec.name]) for spec in open_ones}


def _plain(kind: Kind, value: Any) -> Any:
    if value == "" and kind is not Kind.TEXT:
        return None
    if kind is Kind.PARAGRAPH and isinstance(value, str):
        return "\n".join(value.splitlines())  # browsers send other line ends
    return list(dict.fromkeys(value)) if isinstance(value, list | tuple) else value


def flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a document, like (`mail_servers.Support.connection.port`, 993)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        name = next(key for key in _NAMES if key in value[0])
        yield path, [entry[name] for entry in value]
        for entry in value:
            inner = {key: each for key, each in entry.items() if key != name}
            yield from flat(f"{path}.{entry[name]}", inner)
    else:
        yield path, value
