"""A new mail server with the settings of another one: the way to another template, which is fixed once published."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import count
from typing import Final

from django.db import transaction

from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import audit, drafts, inbox
from mailchannel.services.audit import Person
from mailchannel.services.publish import STEPS
from mailchannel.services.sign_in.specs import READING_VAULT, SENDING_VAULT

#: Refresh tokens that were pasted. Some providers take the second use of one for theft, and end the original's sign-in.
_SIGN_IN: Final = (f"{READING_VAULT}refresh_token", f"{SENDING_VAULT}refresh_token")
_ENDING = re.compile(r" \(copy(?: \d{1,9})?\)\Z")


@transaction.atomic
def copy(server: MailServer, *, by: Person | None) -> MailServer:
    """A draft with the settings in force, passwords included, that reads nothing before it is published.

    The past of the mail server is not copied: mails, versions, alerts, nor its start date, which publishing sets. Nor
    are the address of a forwarding inbox and the secret of those who bring mail there: the copy is given its own. And
    somebody has to sign in for it. Raises SecretUnreadable.
    """
    taken = set(MailServer.objects.select_for_update().order_by("pk").values_list("name", flat=True))
    source = MailServer.objects.get(pk=server.live.pk)
    own = {"name": free_name(source.name, taken), "secrets": _shared(source.secrets), "sync_start": None}
    made = MailServer(**{**drafts.columns(source), **own}, reached=STEPS if source.published_at else source.reached)
    made.save()
    drafts.copy_rows(source, made)
    audit.record(made, by=by, message=f"Made as a copy of “{source}”.", added=True)
    audit.record(source, by=by, message=f"Copied as “{made}”.")
    return made


def _shared(stored: Secrets) -> Secrets:
    return Secrets({name: text for name, text in inbox.without_own(stored).items() if name not in _SIGN_IN})


def free_name(name: str, taken: Collection[str]) -> str:
    """`Support (copy)`, `Support (copy 2)` …, as long as a name may be."""
    longest = MailServer._meta.get_field("name").max_length or 0
    plain = _ENDING.sub("", name)
    names = (plain[: longest - len(ending)].rstrip() + ending for ending in _endings())
    return next(each for each in names if each not in taken)


def _endings() -> Iterator[str]:
    yield " (copy)"
    yield from (f" (copy {number})" for number in count(2))
