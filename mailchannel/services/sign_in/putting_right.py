"""One click for settings of a sign-in that contradict each other; of a published mail server in its next settings."""

from __future__ import annotations

from django.db import transaction

from mailchannel.models import MailServer
from mailchannel.services import audit, drafts, publish
from mailchannel.services.audit import Person
from mailchannel.services.sign_in.consistency import corrected


@transaction.atomic
def put_right(server: MailServer, *, by: Person | None) -> bool:
    """False: nothing had to be changed."""
    if not corrected(drafts.working_copy(server)):
        return False
    edited = drafts.begin(server) if server.published_at else server
    wanted = corrected(edited)
    changes = [
        f"{name.replace('_', ' ')}: {audit.brief(getattr(edited, column).get(name))} → {audit.brief(value)}"
        for column, settings in wanted.items()
        for name, value in settings.items()
        if getattr(edited, column).get(name) != value
    ]
    edited.update(**wanted)
    publish.settings_changed(edited, by=by, changes=changes)
    return True
