"""Make the rows of one mail server what a settings file says: aliases, domains, folders, ticket types, mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from mailchannel.mapping.properties import FILES
from mailchannel.mapping.values import fit
from mailchannel.models import Alias, AllowedDomain, FieldMapping, FolderMapping, MailServer
from mailchannel.services import routing_settings, validation
from mailchannel.services.config_file.file import Entry
from mailchannel.services.config_file.problems import ConfigError, Problem
from mailchannel.services.notices import reachable
from mailchannel.services.validation import TARGETS
from tickets.api import BUILT_IN_KEYS, TicketField, template_fields, ticket_type_ids


def apply_rows(server: MailServer, entry: Entry) -> None:
    """Raises ConfigError."""
    accept, ticket = entry.section("accept"), entry.section("ticket")
    if "aliases" in entry.says:
        _replace(server, Alias, [{"address": each} for each in sorted(entry.says["aliases"])])
    if "allowed_domains" in accept:
        _replace(server, AllowedDomain, [{"domain": each} for each in sorted(accept["allowed_domains"])])
    if "folders" in entry.says:
        _apply_folders(server, entry)
    if "alert_to" in entry.says:
        server.alert_to.set(_people(entry, entry.says["alert_to"]))
    if "whitelisted_types" in ticket:
        _apply_types(server, entry, ticket["whitelisted_types"])
    if "mapping" in ticket:
        _apply_mapping(server, entry, ticket["mapping"])
    if "routing" in ticket:
        _check_routing(server, entry)


def _replace(server: MailServer, model: type[models.Model], wanted: Sequence[Mapping[str, Any]]) -> None:
    """Writes only when something differs: a file that is applied again must leave every row alone."""
    rows = model._default_manager.filter(server=server)
    if rows.count() == len(wanted) and (not wanted or list(rows.values(*wanted[0])) == list(wanted)):
        return
    rows.delete()
    model._default_manager.bulk_create([model(server=server, **columns) for columns in wanted])


def _apply_folders(server: MailServer, entry: Entry) -> None:
    by_role: dict[str, list[str]] = {role: [] for role in FolderMapping.Role.values}
    for row in server.folders.all():
        by_role[row.role].append(row.folder)
    for role, value in entry.section("folders").items():
        by_role[role] = value if isinstance(value, list) else [value] if value else []
    targets = {role: "".join(by_role[role][:1]) for role in TARGETS}
    wrong = validation.folder_problems(by_role["source"], targets, by_role["never_read"])
    if wrong:
        raise ConfigError([entry.problem(f"folders.{role}", sentence) for role, sentence in wrong.items()])
    _replace(
        server, FolderMapping, [{"role": role, "folder": name} for role, names in by_role.items() for name in names]
    )


def _apply_types(server: MailServer, entry: Entry, names: Sequence[str]) -> None:
    known = ticket_type_ids(names)
    for place, name in enumerate(names):
        if name not in known:
            text = f"there is no ticket type “{name}”. Define it under “ticket_types”."
            raise entry.error(f"ticket.whitelisted_types[{place}]", text)
    server.whitelisted_types.set(known.values())


def _people(entry: Entry, names: Sequence[str]) -> list[Any]:
    """People by user name or mail address; somebody without an address could not be told anything."""
    found: list[Any] = []
    problems: list[Problem] = []
    for place, name in enumerate(names):
        person = reachable().filter(Q(username=name) | Q(email__iexact=name)).order_by("pk").first()
        if person is None:
            text = f"nobody active with a mail address is called “{name}” or has this address."
            problems.append(entry.problem(f"alert_to[{place}]", text))
        found.append(person)
    if problems:
        raise ConfigError(problems)
    return found


def _check_routing(server: MailServer, entry: Entry) -> None:
    """After the aliases are stored: a table may name them."""
    found = list(routing_settings.problems(server.routing, routing_settings.addresses(server)))
    if found:
        raise ConfigError([entry.problem(_place(each), each.text) for each in found])


def _place(problem: routing_settings.Problem) -> str:
    path = f"ticket.routing.{problem.setting}"
    return path if problem.line is None else f"{path}[{problem.line}]"


def _apply_mapping(server: MailServer, entry: Entry, rules: Sequence[Mapping[str, Any]]) -> None:
    fields = {field.key: field for field in template_fields(server.template_id)}
    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for place, rule in enumerate(rules):
        columns = {"property": "", "default": "", "restricted": False, **rule, "position": place}
        found.append(columns)
        try:
            _check_rule(fields, columns)
        except ValidationError as error:
            (key, sentences), *_ = error.message_dict.items()
            problems.append(entry.problem(f"ticket.mapping[{place}].{key}", " ".join(sentences)))
    if problems:
        raise ConfigError(problems)
    _replace(server, FieldMapping, found)


def _check_rule(fields: Mapping[str, TicketField], rule: Mapping[str, Any]) -> None:
    """Raises ValidationError with the key to look at."""
    field = fields.get(rule["field"])
    if field is None:
        text = f"this mail server's tickets have no field “{rule['field']}”. They have {', '.join(fields)}."
        raise ValidationError({"field": text})
    if rule["property"] and (field.kind == FILES) != (rule["property"] == FILES):
        raise ValidationError({"property": "files fill the field “attachments”, and nothing else does."})
    if field.key == "requester" and (rule["property"] != "sender" or rule["default"]):
        raise ValidationError({"field": "who asks is always the sender: {field: requester, property: sender}."})
    if rule["restricted"] and field.key in BUILT_IN_KEYS:
        raise ValidationError({"restricted": f"every agent sees “{field.key}”; only a template's own field can be."})
    _check_default(field, rule["default"])


def _check_default(field: TicketField, given: str) -> None:
    if not given:
        return
    if field.kind == FILES:
        raise ValidationError({"default": "attachments have no default."})
    if problem := fit(given, field.kind, field.choices).problem:
        raise ValidationError({"default": f"{problem}."})
