"""What those who post mail to us send, and how a mail is taken out of it. One module per provider; drop a file in to
add one, and its name into `transports.forwarding.DOORS`.

Whoever comes here has shown the inbox's secret. The mail as it was sent comes first; where a provider sends only what
it made of it, django-anymail knows its fields, see `rebuilt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from mailchannel.kernel.registry import Registry
from mailchannel.network.way import Way
from mailchannel.services.push import Brought


class Refused(Exception):
    """This does not come from the provider: a signature is missing, wrong or old."""


class Unreadable(Exception):
    """The provider sent something that is no mail, or none that can be understood. Kept whole, for a person."""


class Later(Exception):
    """What belongs to the mail cannot be had right now; the provider is to come again."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A request. Of one that is far too large the beginning is here, and `size` says how much there was."""

    content_type: str
    body: bytes
    size: int

    @property
    def cut(self) -> bool:
        return self.size > len(self.body)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Whom the mail is for. `settings`: those of the forwarding transport, secrets in clear."""

    settings: Mapping[str, Any]
    way: Callable[[], Way]


class Door(Protocol):
    key: ClassVar[str]

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        """The mails in it; none where the provider only wanted to be heard. Raises Refused, Unreadable, Later.

        Of a request that was cut it is enough to find the headers of the mail.
        """
        ...


DOORS: Registry[Door] = Registry(__name__)


def door(cls: type[Any]) -> type[Any]:
    """Class decorator: makes a door known under its `key`."""
    DOORS.add(cls.key, cls())
    return cls
