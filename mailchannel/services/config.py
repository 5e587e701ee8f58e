"""Freeze a mail server and its rows into the plain settings a decision depends on."""

from __future__ import annotations

from collections.abc import Iterable

from mailchannel.kernel.channel import Channel, MappingRule
from mailchannel.models import Alias, MailServer
from mailchannel.services import file_settings, inbox, routing_settings
from tickets.api import TicketField, template_fields


def freeze(server: MailServer) -> Channel:
    template = server.template
    return Channel(
        name=server.name,
        address=server.address,
        aliases=(*(alias.address for alias in server.aliases.all()), *_generated([server])),
        other_mailboxes=_other_mailboxes(server),
        allowed_domains=tuple(row.domain for row in server.domains.all()),
        acceptance=dict(server.acceptance),
        sync_start=server.sync_start,
        template=template.name if template else "",
        ticket_type=template.ticket_type.name if template else "",
        whitelisted_types=tuple(server.whitelisted_types.values_list("name", flat=True)),
        attach_email=server.attach_email,
        routing=routing_settings.frozen(server.routing),
        files=file_settings.in_force(server),
        mapping=_rules(server),
        version=server.version,
        server=server.live.pk or 0,
    )


def _rules(server: MailServer) -> tuple[MappingRule, ...]:
    """The administrator's rules; a rule for a field the template lost is left out."""
    fields = {field.key: field for field in template_fields(server.template_id)}
    return tuple(
        _rule(fields[row.field], row.property, row.default, restricted=row.restricted)
        for row in server.mappings.all()
        if row.field in fields
    )


def _rule(field: TicketField, property_name: str, default: str, *, restricted: bool) -> MappingRule:
    return MappingRule(
        field=field.key,
        label=field.label,
        kind=field.kind,
        choices=field.choices,
        required=field.required,
        property=property_name,
        default=default,
        restricted=restricted,
    )


def _other_mailboxes(server: MailServer) -> frozenset[str]:
    """Every address of every other mail server of ours: mail from there is our own mail."""
    others = MailServer.objects.exclude(pk=server.live.pk)
    addresses = {address for row in others.values_list("address", "reply_to") for address in row if address}
    addresses |= _generated(others.exclude(inbox_token=""))
    return frozenset(addresses | set(Alias.objects.filter(server__in=others).values_list("address", flat=True)))


def own_addresses(server: MailServer) -> frozenset[str]:
    """Every address of ours as seen from this mail server: none of them is ever written to."""
    aliases = server.aliases.values_list("address", flat=True)
    own = {server.address, server.reply_to, *aliases, *_generated([server])} - {""}
    return frozenset(own) | _other_mailboxes(server)


def _generated(servers: Iterable[MailServer]) -> set[str]:
    """Addresses of forwarding inboxes."""
    return {inbox.address(server) for server in servers} - {""}
