"""The stored settings as a settings file. Secrets are left out, always."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import FieldMapping, FolderMapping, MailDefaults, MailServer
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.senders import SENDERS
from mailchannel.services import file_settings
from mailchannel.services.config_file.schema import COLUMNS, NESTED, STATUSES, TARGETS
from mailchannel.transports import TRANSPORTS
from tickets.api import catalogue, template_fields

HEADER = """\
# Settings of the mail channel. Check with "channel_config plan FILE", apply with "channel_config apply FILE".
# Passwords are not exported. Where this file is applied for the first time, give them to each mail server:
#   secrets: {password: {env: NAME}}
"""


def export() -> str:
    return HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def document() -> dict[str, Any]:
    """Everything a file can hold, every key written out."""
    rows = MailServer.objects.defer("secrets")
    servers = rows.prefetch_related("aliases", "domains", "folders", "mappings", "alert_to")
    defaults = {"defaults": file_settings.own_values(MailDefaults.current().attachments)}
    return {**defaults, **catalogue(), "mail_servers": [exported_server(server) for server in servers]}


def exported_server(server: MailServer) -> dict[str, Any]:
    return {
        "name": server.name,
        # "failed" is something that happened to an active server, not something to configure.
        "status": server.status if server.status in STATUSES else MailServer.Status.ACTIVE.value,
        "protocol": server.protocol,
        "auth": server.auth,
        "address": server.address,
        "aliases": [row.address for row in server.aliases.all()],
        "reply_to": server.reply_to,
        "connection": {**options_in_force(TRANSPORTS[server.protocol].fields, server.connection), **_columns(server)},
        "sending": options_in_force(SENDERS["smtp"].fields, server.sending),
        "folders": _folders(server),
        "accept": _accept(server),
        "attachments": file_settings.own_values(server.attachments),
        "alert_to": sorted(person.get_username() for person in server.alert_to.all()),
        "ticket": _ticket(server),
    }


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
        "mapping": [_rule(row) for row in server.mappings.all() if row.field in known],
    }


def _rule(row: FieldMapping) -> dict[str, Any]:
    given = {"property": row.property, "default": row.default, "restricted": row.restricted}
    return {"field": row.field, **{key: value for key, value in given.items() if value}}


def options_in_force(specs: Iterable[FieldSpec], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The values in force. A number that is not set has no value to write: null."""
    open_ones = [spec for spec in specs if spec.kind is not Kind.SECRET]
    return {name: _plain(value) for name, value in _numbers_or_null(open_ones, with_defaults(open_ones, stored))}


def _numbers_or_null(specs: Iterable[FieldSpec], values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((s.name, None if s.kind is not Kind.TEXT and values[s.name] == "" else values[s.name]) for s in specs)


def _plain(value: Any) -> Any:
    return list(dict.fromkeys(value)) if isinstance(value, list | tuple) else value


class _Dumper(yaml.SafeDumper):
    """Times as everybody writes them; equal lists twice instead of an anchor; list items indented."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _moment(dumper: yaml.SafeDumper, value: datetime) -> yaml.ScalarNode:
    text = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", text)


_Dumper.add_representer(datetime, _moment)
