"""Properties of a mail that an administrator can map to a ticket field.

To add one, put a function into a module of this package: it appears in every list to choose from.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from mailchannel.kernel.types import ParsedMail

Read = Callable[[ParsedMail], str]


@dataclass(frozen=True, slots=True)
class MailProperty:
    """`read` answers with an empty string when the mail does not have the property."""

    name: str
    label: str
    read: Read


PROPERTIES: dict[str, MailProperty] = {}

#: Filled with the files themselves; what it reads as text is only for people.
FILES = "attachments"


def mail_property(label: str) -> Callable[[Read], Read]:
    """Declares a property; the function's name is its key in `channel_config`."""

    def register(read: Read) -> Read:
        PROPERTIES[read.__name__] = MailProperty(read.__name__, label, read)
        return read

    return register


for module in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(module.name)
