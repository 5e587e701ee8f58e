"""What a settings file may say. docs/configuration.md describes every key found here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import FolderMapping, MailServer, Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services import after, authorities, file_settings, proxies, validation
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
from mailchannel.services.sign_in.specs import READING_VAULT, SENDING_VAULT, specs_of
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.services.vault import SENDING
from mailchannel.transports import TRANSPORTS
from tickets.api import FIELD_KINDS, MODULES, TEMPLATE_STATUSES

#: Secrets of the sender stand beside the others, as sending_password.
SENDING_SECRET = "sending_"  # noqa: S105 - a prefix
_TEXT_CHECKS: Mapping[str, Check] = {"host": validation.host}
_LINE_CHECKS: Mapping[str, Check] = {**validation.LINE_CHECKS, **file_settings.CHECKS}


@dataclass(frozen=True, slots=True)
class Ways:
    """How mail comes in and goes out: plug-ins, and how each signs in."""

    protocol: str
    auth: str
    sending_protocol: str
    sending_auth: str

    @classmethod
    def of(cls, server: MailServer) -> Self:
        return cls(server.protocol, server.auth, server.sending_protocol, server.sending_auth)

    @classmethod
    def said(cls, at: Located) -> Self:
        """By an entry of a file; what it does not say, or says wrongly, is as by default."""
        usual = cls.of(MailServer())
        known: dict[str, Any] = {
            "protocol": TRANSPORTS,
            "auth": MailServer.Auth.values,
            "sending_protocol": SENDERS,
            "sending_auth": MailServer.Auth.values,
        }
        inner = at.value if isinstance(at.value, dict) else {}
        said = {name: inner[name].value for name in known if name in inner}
        return replace(usual, **{n: v for n, v in said.items() if isinstance(v, str) and v in known[n]})


def root_section(folder: Path) -> Section:
    return Section(
        {
            "defaults": Section({**_options(FILE_SPECS), "alerts": Section(_options(ALERT_SPECS))}),
            "departments": names(),
            "services": names(),
            "processes": names(),
            "ticket_types": ListOf(type_section(), unique="name"),
            "templates": ListOf(template_section(), unique="name"),
            "proxies": ListOf(proxy_section(folder), unique="name"),
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


def proxy_section(folder: Path) -> Section:
    password = Section({proxies.PASSWORD: secret(folder)})
    keys: dict[str, Reader] = {
        "name": text(maximum=100, needed=True),
        "kind": one_of(Proxy.Kind.values),
        "host": text(maximum=253, check=proxies.host, needed=True),
        "port": whole(1, 65_535),
        "username": text(maximum=200),
        "secrets": lambda at: Secrets(password(at)),
    }
    return Section(keys, needed=("name",))


def _server(folder: Path) -> Reader:
    """The keys of `connection`, `sending` and `secrets` depend on the ways in and out, so these are looked at first."""

    def read_server(at: Located) -> dict[str, Any]:
        return server_section(Ways.said(at), folder)(at)

    return read_server


def server_section(ways: Ways, folder: Path) -> Section:
    keys: dict[str, Reader] = {
        "name": text(maximum=100, needed=True),
        "status": one_of(STATUSES),
        "protocol": one_of([each.key for each in TRANSPORTS], what="protocol"),
        "auth": one_of(TRANSPORTS[ways.protocol].auths, what="way to sign in"),
        "address": text(maximum=320, check=validation.address),
        "aliases": ListOf(text(maximum=320, check=validation.address, needed=True)),
        "reply_to": text(maximum=320, check=validation.address),
        "oauth": Section(_options(_application(ways.auth))),
        "connection": Section({**_options(TRANSPORTS[ways.protocol].fields), **_columns()}),
        "secrets": _secrets(ways, folder),
        "sending_protocol": one_of([each.key for each in SENDERS], what="protocol"),
        "sending_auth": one_of(SENDERS[ways.sending_protocol].auths, what="way to sign in"),
        "sending_oauth": Section(_options(_application(ways.sending_auth))),
        "sending": Section(_options(SENDERS[ways.sending_protocol].fields)),
        "proxy": or_null(text(maximum=100, needed=True)),
        "authorities": or_null(paragraph(maximum=authorities.LARGEST, check=authorities.pem)),
        "verify_certificate": switch,
        "folders": _folders(),
        "accept": Section(_accept()),
        "attachments": Section(_options(FILE_SPECS)),
        "after": Section(_options(after.specs_of(ways.protocol))),
        "trouble": Section(_options(TROUBLE_SPECS)),
        "confirmation": Section(_options(CONFIRMATION_SPECS)),
        "alert_to": ListOf(text(maximum=254, needed=True)),
        "ticket": _ticket(),
    }
    return Section(keys, needed=("name",))


def secret_names(ways: Ways) -> dict[str, str]:
    """Key under `secrets` → name in the encrypted column."""
    groups: tuple[tuple[str, str, Iterable[FieldSpec]], ...] = (
        ("", "", TRANSPORTS[ways.protocol].fields),
        (SENDING_SECRET, SENDING, SENDERS[ways.sending_protocol].fields),
        ("oauth_", READING_VAULT, specs_of(ways.auth)),
        ("sending_oauth_", SENDING_VAULT, specs_of(ways.sending_auth)),
    )
    return {
        key + spec.name: vault + spec.name for key, vault, specs in groups for spec in specs if spec.kind is Kind.SECRET
    }


def _application(auth: str) -> tuple[FieldSpec, ...]:
    """Settings may stand in a file while a password is used."""
    return specs_of(auth) or specs_of(MailServer.Auth.MICROSOFT)


def _secrets(ways: Ways, folder: Path) -> Reader:
    section = Section(dict.fromkeys(secret_names(ways), secret(folder)))
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
