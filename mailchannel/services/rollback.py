"""The way back to an earlier version of a mail server's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from django.db import transaction

from mailchannel.models import MailServer, SettingsVersion
from mailchannel.models.secrets import Secrets
from mailchannel.services import audit, drafts
from mailchannel.services.after import AFTER_SPECS
from mailchannel.services.audit import Person
from mailchannel.services.config_file.file import read
from mailchannel.services.config_file.server import SIDES, apply_settings, is_moved, side_of
from mailchannel.services.vault import INBOX
from mailchannel.services.versions import document

#: What versions of before have none of: they were sent from by SMTP, and null is the default.
OLDER: Final[Mapping[str, Any]] = {
    "sending_protocol": "smtp",
    "sending_auth": "password",
    "oauth": {},
    "sending_oauth": {},
    "proxy": None,
    "authorities": None,
    "verify_certificate": True,
    "after": {spec.name: None for spec in AFTER_SPECS},
}


@transaction.atomic
def restore(version: SettingsVersion, *, by: Person | None) -> MailServer:
    """Puts an earlier version into the draft, to be looked at and published. Raises ConfigError.

    A password goes only where it was typed for: if the earlier version used another server or account, or a way on
    which others could read it, the draft has none and has to be given one.
    """
    server = version.server
    draft = drafts.begin(server)
    now = {**document(draft), "secrets": draft.secrets}
    same = {"template": now["ticket"]["template"]}  # it cannot change any more, only be called otherwise
    wanted = {**version.document, "name": draft.name, "ticket": {**version.document["ticket"], **same}}
    wanted = {**OLDER, **wanted}
    keep = {side for side in SIDES if not is_moved(now, wanted, side)}
    if now["protocol"] != wanted["protocol"]:
        keep.discard("connection")
    draft.secrets = Secrets(
        {name: value for name, value in draft.secrets.items() if side_of(name) in keep or name.startswith(INBOX)}
    )
    text = yaml.safe_dump({"mail_servers": [wanted]}, allow_unicode=True, sort_keys=False)
    (entry,) = read(text, folder=Path()).mail_servers
    apply_settings(draft, entry)
    audit.record(server, by=by, message=f"Took version {version.number} back as a draft.")
    return draft
