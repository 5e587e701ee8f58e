"""The stored settings as a settings file. Secrets are left out, always."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import yaml

from mailchannel.models import MailDefaults, MailServer, Proxy
from mailchannel.services import file_settings, proxies
from mailchannel.services.alert_settings import ALERT_SPECS
from mailchannel.services.settings_document import exported_server, options_in_force
from tickets.api import catalogue

HEADER = """\
# Settings of the mail channel. Check with "channel_config plan FILE", apply with "channel_config apply FILE".
# Passwords are not exported. Where this file is applied for the first time, give them to each mail server and proxy:
#   secrets: {password: {env: NAME}}
"""


def export() -> str:
    return HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def document() -> dict[str, Any]:
    """Everything a file can hold, every key written out."""
    rows = MailServer.objects.defer("secrets", "subscription", "proxy__secrets").select_related("proxy", "template")
    servers = rows.prefetch_related("aliases", "domains", "folders", "mappings")
    ways_out = [proxies.values(proxy) for proxy in Proxy.objects.defer("secrets")]
    common = MailDefaults.current()
    alerts = {"alerts": options_in_force(ALERT_SPECS, common.alerts)}
    defaults = {"defaults": {**file_settings.own_values(common.attachments), **alerts}}
    found = [exported_server(server) for server in servers]
    return {**defaults, **catalogue(), "proxies": ways_out, "mail_servers": found}


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
