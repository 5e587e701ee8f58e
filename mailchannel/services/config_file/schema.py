"""What a settings file may say. docs/configuration.md describes every key found here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FolderMapping, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services import file_settings, validation
from mailchannel.services.alert_settings import ALERT_SPECS
from mailchannel.services.config_file.located import Located
from mailchannel.services.config_file.readers import (
    Check,
    ListOf,
    Reader,
    Section,
    moment,
    one_of,
    or_null,
    paragraph,
    switch,
    text,
    whole,
)
from mailchannel.services.config_file.secret_sources import secret
from mailchannel.services.settings_document import COLUMNS, NESTED, STATUSES
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.services.vault import SENDING
from mailchannel.transports import TRANSPORTS
from tickets.api import FIELD_KINDS, MODULES, TEMPLATE_STATUSES

#: Secrets of the sender stand beside the others, as sending_password.
SENDING_SECRET = "sending_"  # noqa: S105 - a prefix
_TEXT_CHECKS: Mapping[str, Check] = {"host": validation.host}
_LINE_CHECKS: Mapping[str, Check] = {**validation.LINE_CHECKS, **file_settings.CHECKS}


def root_section(folder: Path) -> Section:
    return Section(
        {
            "defaults": Section({**_options(FILE_SPECS), "alerts": Section(_options(ALERT_SPECS))}),
            "departments": names(),
            "services": names(),
            "processes": names(),
            "ticket_types": ListOf(type_section(), unique="name"),
            "templates": ListOf(template_section(), unique="name"),
            "mail_servers": ListOf(_server(folder), unique="name"),
        }
    )


def names() -> Reader:
    return ListOf(text(maximum=120, needed=True))


def type_section() -> Section:
    return Section({"name": text(maximum=80, needed=True), "module": one_of(MODULES)}, needed=("name",))


def template_section() -> Section:
    return Section(
        {
            "name": text(maximum=120, needed=True),
            "ticket_type": text(maximum=80, needed=True),
            "status": one_of(TEMPLATE_STATUSES),
            "fields": ListOf(_field_section(), unique="key"),
        },
        needed=("name",),
    )


def _field_section() -> Section:
    keys: dict[str, Reader] = {
        "key": text(maximum=60, needed=True),
        "label": text(maximum=120, needed=True),
        "kind": one_of(FIELD_KINDS),
        "required": switch,
        "choices": ListOf(text(needed=True)),
    }
    return Section(keys, needed=("key", "label"))


def _server(folder: Path) -> Reader:
    """The keys of `connection` and `secrets` depend on the protocol, so that is looked at first."""

    def read_server(at: Located) -> dict[str, Any]:
        named = at.value.get("protocol") if isinstance(at.value, dict) else None
        known = named is not None and isinstance(named.value, str) and named.value in TRANSPORTS
        return server_section(named.value if named and known else _column("protocol").get_default(), folder)(at)

    return read_server


def server_section(protocol: str, folder: Path) -> Section:
    keys: dict[str, Reader] = {
        "name": text(maximum=100, needed=True),
        "status": one_of(STATUSES),
        "protocol": one_of([each.key for each in TRANSPORTS], what="protocol"),
        "auth": one_of(MailServer.Auth.values, what="way to sign in"),
        "address": text(maximum=320, check=validation.address),
        "aliases": ListOf(text(maximum=320, check=validation.address, needed=True)),
        "reply_to": text(maximum=320, check=validation.address),
        "connection": Section({**_options(TRANSPORTS[protocol].fields), **_columns()}),
        "secrets": _secrets(protocol, folder),
        "sending": Section(_options(SENDERS["smtp"].fields)),
        "folders": _folders(),
        "accept": Section(_accept()),
        "attachments": Section(_options(FILE_SPECS)),
        "trouble": Section(_options(TROUBLE_SPECS)),
        "confirmation": Section(_options(CONFIRMATION_SPECS)),
        "alert_to": ListOf(text(maximum=254, needed=True)),
        "ticket": _ticket(),
    }
    return Section(keys, needed=("name",))


def secret_names(protocol: str) -> dict[str, str]:
    """Key under `secrets` → name in the encrypted column."""
    reading = {spec.name: spec.name for spec in TRANSPORTS[protocol].fields if spec.kind is Kind.SECRET}
    sender = [spec.name for spec in SENDERS["smtp"].fields if spec.kind is Kind.SECRET]
    return {**reading, **{SENDING_SECRET + name: SENDING + name for name in sender}}


def _secrets(protocol: str, folder: Path) -> Reader:
    section = Section(dict.fromkeys(secret_names(protocol), secret(folder)))
    return lambda at: Secrets(section(at))


def _columns() -> dict[str, Reader]:
    keys: dict[str, Reader] = {name: or_null(_whole_column(name)) for name in COLUMNS[:4]}
    keys["skip_times"] = ListOf(text(check=validation.skip_time, needed=True))
    return {**keys, "sync_start": or_null(moment)}


def _whole_column(name: str) -> Reader:
    field = _column(name)
    low, high = 0, 32_767 if isinstance(field, models.PositiveSmallIntegerField) else 2_147_483_647
    for validator in field.validators:
        if isinstance(validator, MinValueValidator):
            low = max(low, validator.limit_value)
        elif isinstance(validator, MaxValueValidator):
            high = min(high, validator.limit_value)
    return whole(low, high)


def _folders() -> Section:
    folder = text(maximum=255, check=validation.folder_name)
    several = ListOf(text(maximum=255, check=validation.folder_name, needed=True))
    roles = FolderMapping.Role
    return Section({roles.SOURCE: several, **dict.fromkeys(validation.TARGETS, folder), roles.NEVER_READ: several})


def _accept() -> dict[str, Reader]:
    flat = _options(acceptance_specs())
    prefix = f"{NESTED}_"
    nested = {name.removeprefix(prefix): reader for name, reader in flat.items() if name.startswith(prefix)}
    plain = {name: reader for name, reader in flat.items() if not name.startswith(prefix)}
    domains = ListOf(text(maximum=253, check=validation.domain_pattern, needed=True))
    return {"allowed_domains": domains, **plain, NESTED: Section(nested)}


def _ticket() -> Section:
    row: dict[str, Reader] = {
        "field": text(maximum=60, needed=True),
        "property": one_of(["", *PROPERTIES]),
        "default": text(maximum=500),
        "restricted": switch,
    }
    return Section(
        {
            "template": or_null(text(maximum=120, needed=True)),
            "whitelisted_types": ListOf(text(maximum=80, needed=True)),
            "attach_email": switch,
            "routing": Section(_options(ROUTING_SPECS)),
            "mapping": ListOf(Section(row, needed=("field",)), unique="field"),
        }
    )


def _options(specs: Iterable[FieldSpec]) -> dict[str, Reader]:
    """Settings a plug-in declares, as keys; null takes one back to its default."""
    return {spec.name: or_null(_option(spec)) for spec in specs if spec.kind is not Kind.SECRET}


def _option(spec: FieldSpec) -> Reader:
    match spec.kind:
        case Kind.INTEGER:
            return whole(spec.minimum, spec.maximum)
        case Kind.SWITCH:
            return switch
        case Kind.CHOICE:
            return one_of([key for key, _ in spec.choices])
        case Kind.PARAGRAPH:
            return paragraph()
        case Kind.LINES:
            return ListOf(text(check=_LINE_CHECKS.get(spec.name), needed=True))
        case _:
            return text(check=_TEXT_CHECKS.get(spec.name))


def _column(name: str) -> models.Field[Any, Any]:
    field = MailServer._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - a column, not the other end of a relation
    return field
