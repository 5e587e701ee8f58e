"""Make the stored settings what a file says, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from mailchannel.models import MailDefaults, MailServer
from mailchannel.services import alert_settings, file_settings, proxies
from mailchannel.services.audit import Person
from mailchannel.services.config_file.file import ConfigFile, Entry
from mailchannel.services.config_file.problems import ConfigError, Problem
from mailchannel.services.config_file.server import apply_server
from mailchannel.services.readiness import problems
from tickets.api import (
    MODULES,
    TEMPLATE_STATUSES,
    CatalogueError,
    TicketField,
    catalogue,
    save_names,
    save_template,
    save_type,
)


@transaction.atomic
def apply(file: ConfigFile, *, by: Person | None = None) -> None:
    """May be repeated: the second time changes nothing. Raises ConfigError."""
    _apply_defaults(file.defaults, by=by)
    for kind, names in file.names.items():
        save_names(kind, names)
    for entry in file.ticket_types:
        _apply_type(entry)
    for entry in file.templates:
        _apply_template(entry)
    for entry in file.proxies:
        _apply_proxy(entry, by=by)
    for entry in file.mail_servers:
        apply_server(entry, by=by)
    if broken := [problem for entry in file.templates for problem in _broken_servers(entry)]:
        raise ConfigError(broken)


def _apply_defaults(entry: Entry, *, by: Person | None) -> None:
    common = MailDefaults.current()
    alerts = {**common.alerts, **entry.section("alerts")}
    if alerts != common.alerts:
        alert_settings.save({name: value for name, value in alerts.items() if value is not None}, by=by)
    stored = common.attachments
    given = {name: value for name, value in entry.says.items() if name != "alerts"}
    wanted = {name: value for name, value in {**stored, **given}.items() if value is not None}
    if any(stored.get(name) != value for name, value in file_settings.own_values(wanted).items()):
        file_settings.save_system_wide(wanted, by=by)


def _apply_type(entry: Entry) -> None:
    try:
        save_type(**{"module": MODULES[0], **_stored("ticket_types", entry.name), **entry.says})
    except CatalogueError as error:
        raise entry.error(error.path, str(error)) from None


def _apply_template(entry: Entry) -> None:
    wanted = {"status": TEMPLATE_STATUSES[0], "fields": [], **_stored("templates", entry.name), **entry.says}
    if "ticket_type" not in wanted:
        raise entry.error("", "a new template needs the key “ticket_type”.")
    fields = [_field(field) for field in wanted["fields"]]
    try:
        save_template(**{**wanted, "fields": fields})
    except CatalogueError as error:
        raise entry.error(error.path, str(error)) from None


def _apply_proxy(entry: Entry, *, by: Person | None) -> None:
    """Before the mail servers, which name them."""
    try:
        proxies.configure(entry.says, entry.section("secrets").get(proxies.PASSWORD), by=by)
    except ValidationError as error:
        paths = {proxies.PASSWORD: f"secrets.{proxies.PASSWORD}"}
        wrong = [(paths.get(name, name), " ".join(texts)) for name, texts in error.message_dict.items()]
        raise ConfigError([entry.problem(path, text) for path, text in wrong]) from None


def _stored(kind: str, name: str) -> dict[str, Any]:
    return next((entry for entry in catalogue()[kind] if entry["name"] == name), {})


def _field(field: Mapping[str, Any]) -> TicketField:
    return TicketField(**{"kind": "text", **field, "choices": tuple(field.get("choices", ()))})


def _broken_servers(template: Entry) -> Iterator[Problem]:
    """A template serves mail servers the file need not mention; those that are live must stay able to use it."""
    for server in MailServer.objects.filter(template__name=template.name, status__in=MailServer.LIVE):
        for problem in problems(server):
            if problem.step == "ticket":
                yield template.problem("", f"the active mail server “{server.name}” uses this template. {problem.text}")
