"""The way back to an earlier version of a mail server's settings."""

from __future__ import annotations

from pathlib import Path

import yaml
from django.db import transaction

from mailchannel.models import MailServer, SettingsVersion
from mailchannel.models.secrets import Secrets
from mailchannel.services import audit, drafts
from mailchannel.services.audit import Person
from mailchannel.services.config_file.file import read
from mailchannel.services.config_file.server import SIDES, addressing, apply_settings
from mailchannel.services.vault import SENDING
from mailchannel.services.versions import document


@transaction.atomic
def restore(version: SettingsVersion, *, by: Person | None) -> MailServer:
    """Puts an earlier version into the draft, to be looked at and published. Raises ConfigError.

    A password goes only where it was typed for: if the earlier version used another server or account, the draft has
    none and has to be given one.
    """
    server = version.server
    draft = drafts.begin(server)
    now = document(draft)
    same = {"template": now["ticket"]["template"]}  # it cannot change any more, only be called otherwise
    wanted = {**version.document, "name": draft.name, "ticket": {**version.document["ticket"], **same}}
    keep = {
        side: addressing(now, side) == addressing(wanted, side) and now["protocol"] == wanted["protocol"]
        for side in SIDES
    }
    draft.secrets = Secrets(
        {n: value for n, value in draft.secrets.items() if keep["sending" if n.startswith(SENDING) else "connection"]}
    )
    text = yaml.safe_dump({"mail_servers": [wanted]}, allow_unicode=True, sort_keys=False)
    (entry,) = read(text, folder=Path()).mail_servers
    apply_settings(draft, entry)
    audit.record(server, by=by, message=f"Took version {version.number} back as a draft.")
    return draft
